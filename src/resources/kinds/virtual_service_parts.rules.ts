/** What is asked of the parts that all of a VirtualService's routes have. */
import type { FieldPath } from "../document/node.ts";
import type { RuleContext } from "./kind.ts";
import { tellRootNamespace } from "./shared.rules.ts";

/** Envoy adds them up in 32 bits. */
const weightsMax = 4_294_967_295;

/** @param path of the route. */
export function weightRules(
  destinations: readonly { readonly weight?: number }[],
  path: FieldPath,
  { tell }: RuleContext,
): void {
  const sum = destinations.reduce((total, { weight = 0 }) => total + weight, 0);
  if (destinations.length > 1 && sum === 0) {
    tell([...path, "route"], "MSH1303", "all weights are 0; give at least one destination a weight");
  }
  if (sum > weightsMax)
    tell([...path, "route"], "MSH1303", `the weights' sum is ${sum}; at most ${weightsMax} is taken`);
}

export function gatewayNameRules(names: readonly string[], path: FieldPath, context: RuleContext): void {
  for (const [index, name] of names.entries()) {
    const at = [...path, index];
    if (name.includes(".")) {
      const [short, namespace] = name.split(".");
      context.tell(at, "MSH1212", `is the old form; write NAMESPACE/NAME: ${namespace}/${short}`);
    }
    const namespace = name.includes("/") ? name.split("/")[0] : name.split(".")[1];
    if (namespace !== undefined) tellRootNamespace(at, namespace, context);
  }
}

/** @param path of the match. */
export function placeRules(
  { gateways = [], sourceNamespace }: { readonly gateways?: readonly string[]; readonly sourceNamespace?: string },
  path: FieldPath,
  context: RuleContext,
): void {
  gatewayNameRules(gateways, [...path, "gateways"], context);
  if (sourceNamespace !== undefined) tellRootNamespace([...path, "sourceNamespace"], sourceNamespace, context);
}
