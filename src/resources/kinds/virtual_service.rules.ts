/** What is asked of a VirtualService beyond its fields. */

import { covers } from "../../model/host_pattern.ts";
import { redirectStatuses } from "../../model/route.ts";
import type { FieldPath } from "../document/node.ts";
import type { RuleContext } from "./kind.ts";
import { exportToRules, tellRootNamespace } from "./shared.rules.ts";
import { isIgnoredHeader, type VirtualServiceSpec } from "./virtual_service.schema.ts";
import { connectionRules } from "./virtual_service_l4.rules.ts";
import { gatewayNameRules, placeRules, weightRules } from "./virtual_service_parts.rules.ts";

type HttpSpec = NonNullable<VirtualServiceSpec["http"]>[number];

export function virtualServiceRules(spec: VirtualServiceSpec, context: RuleContext): void {
  const { tell } = context;
  const gateways = spec.gateways ?? [];
  const hosts = spec.hosts ?? [];
  const inMesh = gateways.length === 0 || gateways.includes("mesh");
  if (hosts.length === 0) delegateRules(spec, context);
  for (const [index, host] of hosts.entries()) {
    if (host === "*" && inMesh) {
      tell(
        ["spec", "hosts", index],
        "MSH1301",
        "'*' is for Gateways only; name the hosts, or the Gateway in `gateways`",
      );
    }
    const earlier = hosts.findIndex((other, at) => at !== index && covers(other.toLowerCase(), host.toLowerCase()));
    if (earlier >= 0 && !(hosts[earlier]?.toLowerCase() === host.toLowerCase() && earlier > index)) {
      tell(["spec", "hosts", index], "MSH1302", `${host} is covered by ${hosts[earlier]}; keep one of them`);
    }
  }
  gatewayNameRules(gateways, ["spec", "gateways"], context);
  exportToRules(spec.exportTo, context);
  if (!spec.http && !spec.tls && !spec.tcp) {
    tell(["spec"], "MSH1334", "has no routes; add `http`, `tls` or `tcp`");
  }
  connectionRules(spec, context);
  let takesAll = -1;
  for (const [index, route] of (spec.http ?? []).entries()) {
    const path = ["spec", "http", index];
    if (takesAll >= 0) {
      tell(path, "MSH1314", `is never reached: spec.http[${takesAll}] takes every request; put that one last`);
    }
    if ((route.match ?? []).length === 0 && takesAll < 0) takesAll = index;
    for (const [at, match] of (route.match ?? []).entries()) {
      placeRules(match, [...path, "match", at], context);
      if (match.method?.exact !== undefined && match.method.exact !== match.method.exact.toUpperCase()) {
        tell(
          [...path, "match", at, "method"],
          "MSH1313",
          `never matches; methods are upper case: ${match.method.exact.toUpperCase()}`,
        );
      }
    }
    ignoredHeaderRules(route, path, context);
    weightRules(route.route ?? [], path, context);
    answerRules(route, path, context);
    retryRules(route.retries, path, context);
  }
}

/** Without hosts it is for what others delegate to it. */
function delegateRules({ gateways = [], http = [] }: VirtualServiceSpec, { tell }: RuleContext): void {
  if (gateways.length > 0) {
    const message = "stands beside no hosts: who delegates to it says where; add hosts, or leave the gateways out";
    tell(["spec", "gateways"], "MSH1315", message);
  }
  for (const [index, { delegate }] of http.entries()) {
    if (!delegate) continue;
    const message = "stands in a VirtualService without hosts, which is delegated to: only one level is taken";
    tell(["spec", "http", index, "delegate"], "MSH1315", message);
  }
}

function ignoredHeaderRules({ match }: HttpSpec, path: FieldPath, { tell }: RuleContext): void {
  for (const [at, one] of (match ?? []).entries()) {
    for (const field of ["headers", "withoutHeaders"] as const) {
      for (const name of Object.keys(one[field] ?? {}).filter(isIgnoredHeader)) {
        const own = name.toLowerCase();
        tell([...path, "match", at, field, name], "MSH1319", `is ignored, as in Istio; ask by match.${own}`);
      }
    }
  }
}

/** What is for requests that are sent on means nothing beside an answer. */
function answerRules(route: HttpSpec, path: FieldPath, { tell }: RuleContext): void {
  const answer = route.redirect ? "redirect" : route.directResponse ? "directResponse" : undefined;
  if (route.delegate?.namespace)
    tellRootNamespace([...path, "delegate", "namespace"], route.delegate.namespace, { tell });
  const sent = ["rewrite", "fault"] as const;
  if (answer) {
    for (const field of sent) {
      if (route[field]) tell([...path, field], "MSH1315", `stands beside ${answer}, which sends nothing on`);
    }
  }
  const code = route.redirect?.redirectCode;
  if (code !== undefined && !redirectStatuses.some((status) => status === code)) {
    tell([...path, "redirect", "redirectCode"], "MSH1315", `${code} must be one of ${redirectStatuses.join(", ")}`);
  }
}

function retryRules(retries: HttpSpec["retries"], path: FieldPath, { tell }: RuleContext): void {
  if (!retries || (retries.attempts ?? 0) > 0) return;
  if (retries.perTryTimeout === undefined && retries.retryOn === undefined) return;
  tell([...path, "retries"], "MSH1304", "sets a policy and no attempts; add `attempts`, or leave the rest out");
}
