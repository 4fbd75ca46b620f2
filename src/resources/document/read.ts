/**
 * Text → located documents. Reads YAML 1.2 (so JSON too), many documents, with anchors, aliases and merge keys inside
 * limits. Everything that is wrong with the syntax is reported; a document with such an error is left out.
 */
import { Composer, type CST, type Document, isAlias, isMap, isNode, isScalar, isSeq, type ParsedNode } from "yaml";
import type { SourcePosition } from "../../model/problem.ts";
import { limits } from "../../platform/limits.ts";
import type { ProblemCode } from "../problem_codes.ts";
import type { Report } from "../report.ts";
import { shown } from "../schema/format.ts";
import { Lines } from "./lines.ts";
import type { Entry, Node } from "./node.ts";
import { scan } from "./scan.ts";

export interface SourceText {
  /** As the user named it; "-" for standard input. */
  readonly file?: string;
  readonly text: string;
}

export interface LocatedDocument {
  readonly root: Node;
  readonly positionOf: (offset: number) => SourcePosition;
}

export function readText({ file, text }: SourceText, report: Report): readonly LocatedDocument[] {
  const body = text.startsWith("\u{FEFF}") ? text.slice(1) : text;
  const scanned = scan(body);
  const lines = new Lines(scanned.kind === "tokens" || scanned.code !== "MSH1001" ? body : "", file);
  const positionOf = (offset: number) => lines.position(offset);
  if (scanned.kind === "refused") {
    const { code, offset, message } = scanned;
    report.add({ code, message, position: positionOf(offset) });
    return [];
  }
  const documents: LocatedDocument[] = [];
  let nodes = 0;
  for (const document of compose(scanned.tokens)) {
    const conversion = new Conversion(limits.yamlNodes - nodes);
    const root = conversion.run(document);
    nodes += conversion.nodes;
    const wrong = [...document.errors.map((error) => syntaxProblem(error)), ...conversion.found];
    for (const { code, offset, message } of wrong) report.add({ code, message, position: positionOf(offset) });
    if (wrong.length === 0 && root && root.kind !== "null") documents.push({ root, positionOf });
    if (wrong.some(({ code }) => code === "MSH1004")) break;
  }
  return documents;
}

/** Duplicate keys are found here in one pass; the library compares each key with all others. */
function compose(tokens: readonly CST.Token[]): Iterable<Document.Parsed> {
  return new Composer({ uniqueKeys: false, logLevel: "silent" }).compose(tokens);
}

interface Wrong {
  readonly code: ProblemCode;
  readonly offset: number;
  readonly message: string;
}

function syntaxProblem(error: { readonly pos: readonly [number, number]; readonly message: string }): Wrong {
  const [line = "not YAML"] = error.message.split("\n");
  // What the parser quotes may be a key that lost its indentation.
  const first = line.replace(/: ".*$/, "");
  return { code: "MSH1002", offset: error.pos[0], message: `not YAML or JSON: ${first.slice(0, 200)}` };
}

/** One document's nodes → ours. Depth is bounded by scan(), so recursion is safe, except through aliases. */
class Conversion {
  nodes = 0;
  readonly found: Wrong[] = [];
  readonly #most: number;
  readonly #anchors = new Map<string, ParsedNode>();
  readonly #open = new Set<ParsedNode>();
  #aliases = 0;
  #stopped = false;

  constructor(most: number) {
    this.#most = most;
  }

  run(document: Document.Parsed): Node | undefined {
    return document.contents ? this.#convert(document.contents) : undefined;
  }

  #convert(node: ParsedNode | null): Node {
    const offset = node?.range[0] ?? 0;
    this.nodes += 1;
    if (this.nodes > this.#most) this.#stop(offset, `more than ${limits.yamlNodes} values once aliases are expanded`);
    if (node === null || this.#stopped) return { kind: "null", offset };
    if (isAlias(node)) return this.#expand(node.source, offset);
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    this.#open.add(node);
    const converted = this.#convertOpen(node, offset);
    this.#open.delete(node);
    return converted;
  }

  #convertOpen(node: Exclude<ParsedNode, { source: string; resolve: unknown }>, offset: number): Node {
    if (isMap(node)) return this.#map(node.items, offset);
    if (isSeq(node)) return { kind: "list", items: node.items.map((item) => this.#convert(parsed(item))), offset };
    if (!isScalar(node)) return { kind: "null", offset };
    const { value, source = "" } = node;
    if (typeof value === "string") return { kind: "string", value, offset };
    if (typeof value === "number") return { kind: "number", value, source, offset };
    if (typeof value === "boolean") return { kind: "boolean", value, offset };
    if (value === null || value === undefined) return { kind: "null", offset };
    // A value of a YAML tag (!!binary, !!timestamp, …): no field takes one.
    this.found.push({ code: "MSH1002", offset, message: "YAML tags are not taken; write the plain value" });
    return { kind: "null", offset };
  }

  #map(pairs: readonly { readonly key: unknown; readonly value: unknown }[], offset: number): Node {
    const entries = new Map<string, Entry>();
    const merged: Node[] = [];
    for (const pair of pairs) {
      if (this.#stopped) break;
      const key = parsed(pair.key);
      const keyOffset = key?.range[0] ?? offset;
      const name = keyText(key);
      if (name === undefined) {
        this.found.push({ code: "MSH1002", offset: keyOffset, message: "a key must be a plain word or text" });
        continue;
      }
      if (name === "__proto__") {
        this.found.push({
          code: "MSH1006",
          offset: keyOffset,
          message: "__proto__ is not taken as a name; choose another",
        });
        continue;
      }
      const value = this.#convert(parsed(pair.value));
      if (name === "<<") merged.push(...(value.kind === "list" ? value.items : [value]));
      else if (entries.has(name)) {
        const message = `${shown(name)} stands twice in one object; keep one of the two`;
        this.found.push({ code: "MSH1005", offset: keyOffset, message });
      } else entries.set(name, { keyOffset, value });
    }
    for (const from of merged) this.#merge(entries, from);
    return { kind: "map", entries, offset };
  }

  /** `<<`: fields of another map that this one does not set itself. */
  #merge(entries: Map<string, Entry>, from: Node): void {
    if (from.kind !== "map") {
      this.found.push({ code: "MSH1002", offset: from.offset, message: "<< takes an object, or a list of them" });
      return;
    }
    for (const [name, entry] of from.entries) if (!entries.has(name)) entries.set(name, entry);
  }

  #expand(anchor: string, offset: number): Node {
    this.#aliases += 1;
    const target = this.#anchors.get(anchor);
    if (this.#aliases > limits.yamlAliases) {
      this.#stop(offset, `more than ${limits.yamlAliases} aliases once expanded; write the values out`);
    } else if (!target) {
      this.found.push({ code: "MSH1002", offset, message: `*${anchor.slice(0, 64)} stands for no anchor above it` });
    } else if (this.#open.has(target)) {
      this.#stop(offset, `*${anchor.slice(0, 64)} stands for something that holds it itself`);
    } else {
      return this.#convert(target);
    }
    return { kind: "null", offset };
  }

  #stop(offset: number, message: string): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.found.push({ code: "MSH1004", offset, message });
  }
}

/** Every node of a parsed document has its range; a pair's missing value is null. */
function parsed(value: unknown): ParsedNode | null {
  return isNode(value) && value.range ? (value as ParsedNode) : null;
}

function keyText(key: ParsedNode | null): string | undefined {
  if (!isScalar(key)) return undefined;
  if (typeof key.value === "string") return key.value;
  return typeof key.value === "number" || typeof key.value === "boolean"
    ? (key.source ?? String(key.value))
    : undefined;
}
