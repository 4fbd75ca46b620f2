/**
 * Files → resources: the one way in for what users write. Everything wrong is told with file, line, column, object and
 * field; a document with an error gives no resource. Warnings never keep a resource out. Called by the API (apply,
 * delete) and, through offline.ts, by `meshctl compile`.
 */

import { defaultNamespace, type Namespace } from "../model/names.ts";
import type { ObjectKind, Resource } from "../model/object.ts";
import type { Problem, SourcePosition } from "../model/problem.ts";
import type { SecretContents } from "../model/secret.ts";
import { limits } from "../platform/limits.ts";
import type { Secret } from "../platform/log.ts";
import { type FieldPath, fieldOf, type Node, offsetAt } from "./document/node.ts";
import { type LocatedDocument, readText, type SourceText } from "./document/read.ts";
import { readEnvelope } from "./envelope.ts";
import { type AnyKind, isObjectKind, kinds, type RegisteredKind, singularOf } from "./kinds/catalog.ts";
import { checkSpec } from "./kinds/rules.ts";
import { readSecret, withoutCopies } from "./kinds/secret.rules.ts";
import { readCreation, readMetadata, roughName } from "./metadata.ts";
import { suggestion } from "./nearest.ts";
import { Report } from "./report.ts";
import { shown } from "./schema/format.ts";
import type { Tell } from "./validate.ts";

export type { SourceText } from "./document/read.ts";

export interface ParsedResource {
  readonly resource: Resource;
  /** Of an object that a mesh printed (`metadata.creationTimestamp`), ms; the older of two wins a host. */
  readonly createdAtMs?: number;
  /** Of a Secret. */
  readonly contents?: Secret<SecretContents>;
  /** Where the document begins. */
  readonly position: SourcePosition;
  /** Where a field of it stands; of a field that is not there, the nearest around it. */
  readonly at: (path: FieldPath) => SourcePosition;
}

/** What the mesh registers by itself; only the offline loader takes such documents. */
export interface RegisteredDocument {
  readonly kind: RegisteredKind;
  readonly metadata: Resource["metadata"];
  readonly spec: Node;
  readonly tell: Tell;
}

export interface IgnoredDocument {
  readonly kind: string;
  /** As the document says them; may be "". */
  readonly namespace: string;
  readonly name: string;
  readonly position: SourcePosition;
}

export interface Parsed {
  readonly resources: readonly ParsedResource[];
  readonly ignored: readonly IgnoredDocument[];
  readonly problems: readonly Problem[];
}

export interface ParseOptions {
  /** Of objects that name none. */
  readonly namespace?: Namespace;
}

export function parseResources(sources: SourceText | readonly SourceText[], options: ParseOptions = {}): Parsed {
  const { registered: _, ...parsed } = readSources([sources].flat(), { ...options, registered: "refused" });
  return parsed;
}

export interface ReadOptions extends ParseOptions {
  readonly registered: "refused" | "taken";
}

/** Also gives the documents of registered kinds, when they are taken. Problems found in those later are told in time. */
export function readSources(
  sources: readonly SourceText[],
  options: ReadOptions,
): Parsed & { readonly registered: readonly RegisteredDocument[] } {
  const reading = new Reading(options);
  for (const source of sources) reading.read(source);
  const { resources, ignored, registered, report } = reading;
  return {
    resources,
    ignored,
    registered,
    get problems() {
      return report.problems();
    },
  };
}

class Reading {
  readonly report = new Report();
  readonly resources: ParsedResource[] = [];
  readonly ignored: IgnoredDocument[] = [];
  readonly registered: RegisteredDocument[] = [];
  readonly #options: ReadOptions;
  readonly #namespace: Namespace;
  readonly #seen = new Map<string, SourcePosition>();
  #documents = 0;

  constructor(options: ReadOptions) {
    this.#options = options;
    this.#namespace = options.namespace ?? defaultNamespace;
  }

  read(source: SourceText): void {
    for (const document of readText(source, this.report)) this.#document(document.root, document);
  }

  #document(root: Node, document: LocatedDocument): void {
    const position = document.positionOf(root.offset);
    const envelope = readEnvelope(root);
    if (envelope.is === "list") {
      for (const item of envelope.items) this.#document(item, document);
      return;
    }
    this.#documents += 1;
    if (this.#documents === limits.applyDocuments + 1) {
      const message = `more than ${limits.applyDocuments} documents; split them`;
      this.report.add({ code: "MSH1007", message, position });
    }
    if (this.#documents > limits.applyDocuments) return;
    const rough = roughName(root, this.#namespace);
    if (envelope.is === "wrong") {
      const { code, message, path } = envelope;
      this.report.add({ code, message, path, position: document.positionOf(offsetAt(root, path)), object: rough });
      return;
    }
    const { kind, apiVersion } = envelope;
    const object = [envelope.is === "ours" ? singularOf(envelope.kind) : kind.toLowerCase().slice(0, 64), rough]
      .join(" ")
      .trim();
    const tell: Tell = (path, code, message) => {
      this.report.add({ code, message, path, position: document.positionOf(offsetAt(root, path)), object });
    };
    const before = this.report.errors;
    const secret = envelope.is === "ours" && envelope.kind === "Secret" ? readSecret(root, tell) : undefined;
    if (envelope.is === "foreign" || secret?.is === "foreign") {
      const [namespace = "", name = ""] = rough?.split("/") ?? [];
      this.ignored.push({ kind: kind.slice(0, 64), namespace, name, position });
      const because =
        secret?.is === "foreign" ? secret.because : `${shown(kind)} of ${shown(apiVersion)} is not the mesh's`;
      tell([], "MSH1102", `${because}; ignored`);
      return;
    }
    const metadata = readMetadata(secret ? withoutCopies(root) : root, this.#namespace, tell);
    unknownTopLevel(root, envelope.kind, tell);
    const key = metadata && `${envelope.kind}/${metadata.namespace}/${metadata.name}`;
    const earlier = key === undefined ? undefined : this.#seen.get(key);
    if (earlier) tell(["metadata", "name"], "MSH1109", `stands in ${printPlace(earlier)} too; keep one of the two`);
    else if (key !== undefined) this.#seen.set(key, position);
    if (!isObjectKind(envelope.kind)) {
      this.#registered(envelope.kind, root, metadata, tell);
      return;
    }
    const taken = secret?.is === "taken" ? secret : undefined;
    const context = { namespace: metadata?.namespace ?? this.#namespace, name: metadata?.name ?? "", tell };
    const spec = envelope.kind === "Secret" ? taken?.spec : checkSpec(envelope.kind, specOf(root), context);
    if (!spec || !metadata || earlier || this.report.errors > before) return;
    const createdAtMs = readCreation(root);
    this.resources.push({
      resource: { apiVersion, kind: envelope.kind, metadata, spec },
      ...(createdAtMs === undefined ? {} : { createdAtMs }),
      ...(taken ? { contents: taken.contents } : {}),
      position,
      at: (path) => document.positionOf(offsetAt(root, path)),
    });
  }

  #registered(kind: RegisteredKind, root: Node, metadata: Resource["metadata"] | undefined, tell: Tell): void {
    if (this.#options.registered === "refused") {
      const message = `a ${kind} is registered by \`meshctl run\` or the endpoints API, not applied; leave it out`;
      tell(["kind"], "MSH1110", message);
    } else if (metadata) {
      this.registered.push({ kind, metadata, spec: specOf(root), tell });
    }
  }
}

/** `status` is what a cluster says of an object; it is no declaration. */
const topLevel = ["apiVersion", "kind", "metadata", "spec", "status"];

function unknownTopLevel(root: Node, kind: AnyKind, tell: Tell): void {
  if (root.kind !== "map") return;
  const known = isObjectKind(kind) && kinds[kind].area === "core" ? coreTopLevel(kind) : topLevel;
  for (const name of root.entries.keys()) {
    if (known.includes(name)) continue;
    tell([name], "MSH1201", `there is no field ${shown(name)} here${suggestion(name, known)}`);
  }
}

function coreTopLevel(kind: ObjectKind): readonly string[] {
  return [...topLevel.filter((name) => name !== "spec"), ...Object.keys(kinds[kind].schema.fields)];
}

/** No spec is an empty one: an AuthorizationPolicy with nothing in it refuses everything, and says so by being empty. */
function specOf(root: Node): Node {
  return fieldOf(root, "spec") ?? { kind: "map", entries: new Map(), offset: root.offset };
}

function printPlace({ file, line }: SourcePosition): string {
  return `${file ?? "this input"}, line ${line}`;
}
