/** What is asked of a VirtualService's routes for connections. */
import { covers } from "../../model/host_pattern.ts";
import type { RuleContext } from "./kind.ts";
import type { VirtualServiceSpec } from "./virtual_service.schema.ts";
import { placeRules, weightRules } from "./virtual_service_parts.rules.ts";

export function connectionRules(spec: VirtualServiceSpec, context: RuleContext): void {
  tlsRules(spec, context);
  let takesAll = -1;
  for (const [index, { match = [], route }] of (spec.tcp ?? []).entries()) {
    const path = ["spec", "tcp", index];
    if (takesAll >= 0) {
      const said = `is never reached: spec.tcp[${takesAll}] takes every connection; put that one last`;
      context.tell(path, "MSH1314", said);
    }
    if (match.length === 0 && takesAll < 0) takesAll = index;
    for (const [at, one] of match.entries()) placeRules(one, [...path, "match", at], context);
    weightRules(route, path, context);
  }
}

function tlsRules({ hosts = [], gateways = [], tls = [] }: VirtualServiceSpec, context: RuleContext): void {
  if (tls.length > 0 && (gateways.length === 0 || gateways.includes("mesh"))) {
    context.tell(["spec", "tls"], "MSH1333", "holds at gateways only; a sidecar carries TLS where its port leads");
  }
  for (const [index, { match, route }] of tls.entries()) {
    const path = ["spec", "tls", index];
    for (const [at, one] of match.entries()) {
      placeRules(one, [...path, "match", at], context);
      for (const [place, host] of one.sniHosts.entries()) {
        if (hosts.some((outer) => covers(outer.toLowerCase(), host.toLowerCase()))) continue;
        const said = `${host} is none of the VirtualService's hosts (${hosts.join(", ")})`;
        context.tell([...path, "match", at, "sniHosts", place], "MSH1332", said);
      }
    }
    weightRules(route, path, context);
  }
}
