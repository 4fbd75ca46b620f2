/** Words that several kinds share → model. */
import { type Host, type Namespace, resolveHost, type ServiceRef } from "../../model/names.ts";
import type { Selector } from "../../model/policy.ts";
import { durationMs } from "../schema/duration.ts";
import { serviceParts } from "../schema/host_format.ts";
import { exportedTo, meshNamespace } from "./shared.rules.ts";

/** Whose object it is, and how old. */
export interface Owner {
  readonly namespace: Namespace;
  readonly name: string;
  readonly createdAt: number;
}

export function hostOf(word: string, { namespace }: Owner): Host {
  return resolveHost(undotted(word), namespace);
}

/** A full name may end in a dot; the mesh's names have none. */
export function undotted(name: string): string {
  return name.length > 1 && name.endsWith(".") ? name.slice(0, -1) : name;
}

/** Of the mesh, as `spec.service` names it; its rules hold it to the object's namespace. */
export function serviceNamed(word: string, { namespace }: Owner): ServiceRef {
  return { namespace, name: serviceParts(word)[0] ?? word };
}

export function exportToOf(words: readonly string[] | undefined, { namespace }: Owner): readonly string[] {
  return words && words.length > 0 ? words.map((word) => exportedTo(word, namespace)) : ["*"];
}

/** namespace/name, or "mesh". */
export function gatewayOf(word: string, { namespace }: Owner): string {
  if (word === "mesh") return word;
  if (word.includes("/")) {
    const [where = "", name = ""] = word.split("/");
    return `${meshNamespace(where)}/${name}`;
  }
  // NAME.NAMESPACE.svc…, the form of old.
  const [name = "", where] = word.split(".");
  return `${where === undefined ? namespace : meshNamespace(where)}/${name}`;
}

/** No selector, and one without labels, mean all. */
export function selectorOf(selector: { readonly matchLabels?: Readonly<Record<string, string>> } | undefined): {
  readonly selector?: Selector;
} {
  const labels = selector?.matchLabels ?? {};
  return Object.keys(labels).length > 0 ? { selector: { labels } } : {};
}

/** Of a duration that its schema has checked. */
export function milliseconds(text: string): number {
  const ms = durationMs(text);
  return typeof ms === "number" ? ms : 0;
}

/** Times that were said, in milliseconds. */
export function timesOf<K extends string>(
  said: Readonly<Record<K, string | undefined>>,
): { readonly [_ in K]?: number } {
  const times: { [_ in K]?: number } = {};
  for (const name in said) {
    const time = said[name];
    if (time !== undefined) times[name] = milliseconds(time);
  }
  return times;
}
