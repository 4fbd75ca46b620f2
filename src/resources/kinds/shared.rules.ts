/** Rules that several kinds share. */
import { istioRootNamespace, type Namespace, rootNamespace } from "../../model/names.ts";
import type { FieldPath } from "../document/node.ts";
import { serviceParts } from "../schema/host_format.ts";
import type { ObjectSchema } from "../schema/type.ts";
import type { RuleContext } from "./kind.ts";

/** `istio-system` means the root namespace. */
export function meshNamespace(name: string): string {
  return name === istioRootNamespace ? rootNamespace : name;
}

export function tellRootNamespace(path: FieldPath, name: string, { tell }: Pick<RuleContext, "tell">): void {
  if (name === istioRootNamespace)
    tell(path, "MSH1108", `${istioRootNamespace} is read as ${rootNamespace}; write that`);
}

export function exportToRules(exportTo: readonly string[] | undefined, context: RuleContext): void {
  const seen = new Set<string>();
  for (const [index, word] of (exportTo ?? []).entries()) {
    const path = ["spec", "exportTo", index];
    const meant = exportedTo(word, context.namespace);
    tellRootNamespace(path, word, context);
    if (seen.has(meant)) context.tell(path, "MSH1305", `names ${meant} a second time`);
    seen.add(meant);
  }
  if (seen.has("*") && seen.size > 1) {
    context.tell(["spec", "exportTo"], "MSH1305", "'*' is everybody; it must stand alone");
  }
}

/** "*", or the namespace that is meant. */
export function exportedTo(word: string, own: Namespace): string {
  return word === "." ? own : meshNamespace(word);
}

/** Callers of every namespace meet what is said in plain words, so the service's own namespace says it. */
export function ownServiceRules(service: string, { namespace, tell }: RuleContext): void {
  const [name, said = namespace] = serviceParts(service);
  const meant = meshNamespace(said);
  if (meant === namespace) return;
  const instead = `put the object into namespace ${meant}, or write a DestinationRule or VirtualService here for callers of ${namespace}`;
  tell(["spec", "service"], "MSH1316", `${name} is a service of namespace ${meant}; ${instead}`);
}

/** An object that names a service and says nothing of it is a mistake. */
export function sayingRules(spec: object, { fields }: ObjectSchema, { tell }: RuleContext): void {
  if (Object.keys(spec).length > 1) return;
  const others = Object.keys(fields).filter((field) => field !== "service");
  tell(["spec"], "MSH1210", `says nothing of the service; it takes ${others.join(", ")}`);
}

export function selectorRules(
  selector: { readonly matchLabels?: Readonly<Record<string, string>> } | undefined,
  context: RuleContext,
): void {
  if (selector) labelsRules(selector.matchLabels, ["spec", "selector"], context);
}

/** @param path of the selector that has the labels. */
export function labelsRules(
  labels: Readonly<Record<string, string>> = {},
  path: FieldPath,
  { tell }: Pick<RuleContext, "tell">,
): void {
  if (Object.keys(labels).length > 0) return;
  tell(path, "MSH1311", "has no labels and so selects every workload; leave it out if that is meant");
}
