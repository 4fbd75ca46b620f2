/** What a route does with a request → Envoy's action. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Duration } from "@bufbuild/protobuf/wkt";
import {
  RedirectAction_RedirectResponseCode as Code,
  type RedirectActionSchema,
  type RouteAction_HashPolicySchema,
  type RouteActionSchema,
  type RouteSchema,
} from "#envoy/envoy/config/route/v3/route_components_pb.js";
import { PreviousHostsPredicateSchema } from "#envoy/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js";
import { PreviousPrioritiesConfigSchema } from "#envoy/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.js";
import type { Retries, RouteAction, WeightedCluster } from "../compile/ir.ts";
import type { FixedResponse, RedirectStatus, Rewrite } from "../model/route.ts";
import type { HashKey } from "../model/traffic.ts";
import { duration, fraction, type Init, packed } from "./any.ts";
import { headerChanges } from "./header_changes.ts";
import { rateLimitActions } from "./rate_limit.ts";

type ActionInit = MessageInitShape<typeof RouteSchema>["action"] & object;
type Forwarding = Extract<RouteAction, { readonly kind: "forward" }>;

export function actionInit(action: RouteAction): ActionInit {
  switch (action.kind) {
    case "respond":
      return { case: "directResponse", value: responseInit(action) };
    case "redirect":
      return { case: "redirect", value: redirectInit(action) };
    case "forward":
      return { case: "route", value: forwardInit(action) };
  }
}

function responseInit({ status, body }: FixedResponse) {
  return {
    status,
    ...(body === undefined ? {} : { body: { specifier: { case: "inlineString", value: body } as const } }),
  };
}

const codes: Readonly<Record<RedirectStatus, Code>> = {
  301: Code.MOVED_PERMANENTLY,
  302: Code.FOUND,
  303: Code.SEE_OTHER,
  307: Code.TEMPORARY_REDIRECT,
  308: Code.PERMANENT_REDIRECT,
};

function redirectInit(
  redirect: Extract<RouteAction, { readonly kind: "redirect" }>,
): Init<typeof RedirectActionSchema> {
  const { path, host, scheme, port, status } = redirect;
  return {
    ...(scheme ? { schemeRewriteSpecifier: { case: "schemeRedirect", value: scheme } } : {}),
    ...(host ? { hostRedirect: host } : {}),
    ...(port ? { portRedirect: port } : {}),
    ...(path ? { pathRewriteSpecifier: { case: "pathRedirect", value: path } } : {}),
    responseCode: codes[status],
  };
}

function forwardInit(action: Forwarding): Init<typeof RouteActionSchema> {
  return {
    clusterSpecifier: clustersInit(action.clusters),
    timeout: duration(action.timeoutMs),
    ...(action.rewrite ? rewriteInit(action.rewrite) : {}),
    ...(action.mirrors
      ? {
          requestMirrorPolicies: action.mirrors.map(({ cluster, percent }) => ({
            cluster,
            runtimeFraction: { defaultValue: fraction(percent) },
          })),
        }
      : {}),
    ...(action.retries ? { retryPolicy: retryInit(action.retries) } : {}),
    ...(action.countedBy ? { rateLimits: rateLimitActions(action.countedBy) } : {}),
    ...(action.hash ? { hashPolicy: action.hash.map(hashInit) } : {}),
  };
}

function hashInit(key: HashKey): MessageInitShape<typeof RouteAction_HashPolicySchema> {
  switch (key.kind) {
    case "header":
      return { policySpecifier: { case: "header", value: { headerName: key.name } } };
    case "query":
      return { policySpecifier: { case: "queryParameter", value: { name: key.name } } };
    case "source-ip":
      return { policySpecifier: { case: "connectionProperties", value: { sourceIp: true } } };
    case "cookie": {
      const { name, path, ttlMs, attributes } = key;
      const value = {
        name,
        ...(path ? { path } : {}),
        ...(ttlMs === undefined ? {} : { ttl: wholeSeconds(ttlMs) }),
        ...(attributes ? { attributes: [...attributes] } : {}),
      };
      return { policySpecifier: { case: "cookie", value } };
    }
  }
}

/** Envoy cuts the rest off, and a cookie of 0 s is one without an end. */
function wholeSeconds(ms: number): Duration {
  return duration(1_000 * Math.ceil(ms / 1_000));
}

function clustersInit(
  clusters: readonly WeightedCluster[],
): MessageInitShape<typeof RouteActionSchema>["clusterSpecifier"] & object {
  const [first, ...others] = clusters;
  if (first && others.length === 0 && !first.headers && first.host === undefined) {
    return { case: "cluster", value: first.name };
  }
  return {
    case: "weightedClusters",
    value: {
      clusters: clusters.map(({ name, weight, headers, host }) => ({
        name,
        weight,
        ...headerChanges(headers),
        ...(host === undefined ? {} : { hostRewriteSpecifier: { case: "hostRewriteLiteral", value: host } as const }),
      })),
    },
  };
}

function rewriteInit({ path, pathRegex, host }: Rewrite): Init<typeof RouteActionSchema> {
  return {
    ...(path ? { prefixRewrite: path } : {}),
    ...(pathRegex ? { regexRewrite: { pattern: { regex: pathRegex.match }, substitution: pathRegex.rewrite } } : {}),
    ...(host ? { hostRewriteSpecifier: { case: "hostRewriteLiteral", value: host } } : {}),
  };
}

/** How many picks Envoy may spend to find an endpoint that was not tried; Istio's figure. */
const hostSelectionAttempts = 5n;
/** After how many tries the localities that were tried are left out; Istio's figure. */
const prioritiesAfter = 2;

const elsewhere = packed(PreviousHostsPredicateSchema, {});
const priorities = packed(PreviousPrioritiesConfigSchema, { updateFrequency: prioritiesAfter });

function retryInit(retries: Retries): MessageInitShape<typeof RouteActionSchema>["retryPolicy"] & object {
  return {
    retryOn: retries.on.join(","),
    numRetries: retries.attempts,
    retriableStatusCodes: [...retries.statusCodes],
    ...(retries.perTryTimeoutMs === undefined ? {} : { perTryTimeout: duration(retries.perTryTimeoutMs) }),
    ...(retries.backoffMs === undefined ? {} : { retryBackOff: { baseInterval: duration(retries.backoffMs) } }),
    ...(retries.remoteLocalities
      ? {
          retryPriority: {
            name: "envoy.retry_priorities.previous_priorities",
            configType: { case: "typedConfig", value: priorities },
          },
        }
      : {}),
    ...(retries.elsewhere
      ? {
          retryHostPredicate: [
            {
              // Only the type counts; the name stands in every route of every proxy.
              name: "previous_hosts",
              configType: { case: "typedConfig", value: elsewhere } as const,
            },
          ],
          hostSelectionRetryMaxAttempts: hostSelectionAttempts,
        }
      : {}),
  };
}
