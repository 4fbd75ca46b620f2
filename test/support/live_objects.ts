/**
 * What a test has applied to its mesh, replaced as a whole: what the new documents do not name is deleted, and the call
 * ends when every proxy has acknowledged it, so the next request follows it.
 */
import { parseAllDocuments } from "yaml";
import type { Mesh } from "./mesh.ts";
import { meshctlInside } from "./meshctl_inside.ts";

interface Named {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

export class LiveObjects {
  readonly #mesh: Mesh;
  /** What it is in YAML, by what names it. */
  #applied = new Map<string, string>();

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
  }

  /** @param documents YAML, any number of documents; "" for none */
  async replace(documents: string): Promise<void> {
    const wanted = byName(documents);
    const gone = [...this.#applied].filter(([name]) => !wanted.has(name)).map(([, document]) => document);
    if (gone.length > 0)
      await meshctlInside(this.#mesh, ["delete", "--ignore-not-found", "-f", "-"], gone.join("\n---\n"));
    if (wanted.size > 0) await meshctlInside(this.#mesh, ["apply", "-f", "-"], documents);
    this.#applied = wanted;
    await meshctlInside(this.#mesh, ["wait", "--for=distributed"]);
  }
}

function byName(documents: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const document of parseAllDocuments(documents)) {
    const { kind, metadata }: Named = document.toJS();
    found.set(`${kind} ${metadata.namespace ?? ""}/${metadata.name}`, String(document));
  }
  return found;
}

export interface PolicyText {
  readonly name?: string;
  readonly namespace?: string;
  readonly action?: "ALLOW" | "DENY";
  /** Flow YAML of `matchLabels`; absent: no selector. */
  readonly selects?: string;
  /** Flow YAML; absent: no `rules` field at all. */
  readonly rules?: string;
}

export function authorizationPolicy({ name = "policy", namespace, action, selects, rules }: PolicyText): string {
  return [
    "apiVersion: security.istio.io/v1",
    "kind: AuthorizationPolicy",
    `metadata: {name: ${name}${namespace === undefined ? "" : `, namespace: ${namespace}`}}`,
    "spec:",
    ...(selects === undefined ? [] : [`  selector: {matchLabels: ${selects}}`]),
    ...(action === undefined ? [] : [`  action: ${action}`]),
    ...(rules === undefined ? (action || selects ? [] : ["  {}"]) : [`  rules: ${rules}`]),
    "",
  ].join("\n");
}

export function all(...documents: readonly string[]): string {
  return documents.join("---\n");
}
