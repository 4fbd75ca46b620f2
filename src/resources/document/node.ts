/**
 * A document as a tree of located values: what YAML, JSON and stored data all become before a schema judges them. Keys
 * are only ever keys of a Map here, so that `__proto__` and `constructor` are names like others.
 */
export type FieldPath = readonly (string | number)[];

interface Located {
  /** Where it begins, in characters from the start of the text; -1 for data that has no text. */
  readonly offset: number;
}

export interface Entry {
  readonly keyOffset: number;
  readonly value: Node;
}

export type Node =
  | (Located & { readonly kind: "map"; readonly entries: ReadonlyMap<string, Entry> })
  | (Located & { readonly kind: "list"; readonly items: readonly Node[] })
  | (Located & { readonly kind: "string"; readonly value: string })
  | (Located & { readonly kind: "number"; readonly value: number; readonly source: string })
  | (Located & { readonly kind: "boolean"; readonly value: boolean })
  | (Located & { readonly kind: "null" });

/** Plain data, as a store or a JSON body gives it. Values that JSON does not know become null. */
export function nodeOf(value: unknown): Node {
  const offset = -1;
  if (typeof value === "string") return { kind: "string", value, offset };
  if (typeof value === "number") return { kind: "number", value, source: String(value), offset };
  if (typeof value === "boolean") return { kind: "boolean", value, offset };
  if (Array.isArray(value)) return { kind: "list", items: value.map(nodeOf), offset };
  if (typeof value !== "object" || value === null) return { kind: "null", offset };
  const entries = Object.entries(value).map(([key, item]) => [key, { keyOffset: -1, value: nodeOf(item) }] as const);
  return { kind: "map", entries: new Map(entries), offset };
}

/** The field of a map; null counts as absent, as it does for Kubernetes. */
export function fieldOf(node: Node | undefined, name: string): Node | undefined {
  const value = node?.kind === "map" ? node.entries.get(name)?.value : undefined;
  return value?.kind === "null" ? undefined : value;
}

export function textOf(node: Node | undefined): string | undefined {
  return node?.kind === "string" ? node.value : undefined;
}

/**
 * Where the value at a path stands: a field at its key, an item at itself; a path that ends nowhere, at the last that
 * is there.
 */
export function offsetAt(root: Node, path: FieldPath): number {
  let node: Node | undefined = root;
  let offset = root.offset;
  for (const step of path) {
    if (node.kind === "map") {
      const entry: Entry | undefined = node.entries.get(String(step));
      if (!entry) return offset;
      offset = entry.keyOffset;
      node = entry.value;
    } else if (node.kind === "list") {
      const item: Node | undefined = node.items[Number(step)];
      if (!item) return offset;
      offset = item.offset;
      node = item;
    } else {
      return offset;
    }
  }
  return offset;
}

const plainKey = /^[A-Za-z_][A-Za-z0-9_-]{0,62}$/;

/** spec.http[0].match[1].headers["x-a.b"] */
export function printPath(path: FieldPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (plainKey.test(step)) text += text === "" ? step : `.${step}`;
    else text += `[${JSON.stringify(step.length > 64 ? `${step.slice(0, 60)}…` : step)}]`;
  }
  return text;
}
