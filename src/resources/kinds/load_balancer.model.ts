/** DestinationRule's loadBalancer → model. */
import type {
  ConsistentHash,
  HashKey,
  HashTable,
  LocalityPattern,
  LocalityPreference,
  PriorityLabel,
  SimpleBalancer,
  TrafficSettings,
} from "../../model/traffic.ts";
import type { Infer } from "../schema/type.ts";
import type { loadBalancer } from "./load_balancer.schema.ts";
import { milliseconds } from "./shared.model.ts";

type LoadBalancer = Infer<typeof loadBalancer>;
type Hash = NonNullable<LoadBalancer["consistentHash"]>;
type Preference = NonNullable<LoadBalancer["localityLbSetting"]>;

const balancers: Readonly<Record<NonNullable<LoadBalancer["simple"]>, SimpleBalancer | undefined>> = {
  UNSPECIFIED: undefined,
  ROUND_ROBIN: "round-robin",
  LEAST_REQUEST: "least-request",
  LEAST_CONN: "least-request",
  RANDOM: "random",
  PASSTHROUGH: "passthrough",
};

export function balancingOf(policy: LoadBalancer): Pick<TrafficSettings, "balancer" | "warmup" | "locality"> {
  const { simple = "UNSPECIFIED", consistentHash, localityLbSetting } = policy;
  const balancer = consistentHash ? hashOf(consistentHash) : balancers[simple];
  return {
    ...(balancer === undefined ? {} : { balancer }),
    ...warmupPart(policy),
    ...(localityLbSetting ? { locality: preferenceOf(localityLbSetting) } : {}),
  };
}

function preferenceOf(setting: Preference): LocalityPreference {
  const { enabled = true, distribute = [], failover = [], failoverPriority = [] } = setting;
  if (!enabled) return { kind: "off" };
  if (failoverPriority.length > 0) {
    const labels = failoverPriority.map(priorityLabel);
    return { kind: "labels", labels, ...(failover.length > 0 ? { regions: failover } : {}) };
  }
  if (distribute.length === 0) return { kind: "failover", regions: failover };
  const shares = distribute.map(({ from, to }) => ({
    from: localityPattern(from),
    to: Object.entries(to).map(([text, percent]) => ({ pattern: localityPattern(text), percent })),
  }));
  return { kind: "distribute", shares };
}

/** What is left out, and "*", is any. */
export function localityPattern(text: string): LocalityPattern {
  const [region = "*", zone = "*"] = text.split("/");
  return { ...(region === "*" ? {} : { region }), ...(zone === "*" ? {} : { zone }) };
}

/** KEY, or KEY=VALUE; "KEY=" is who has it not. */
export function priorityLabel(text: string): PriorityLabel {
  const [name = "", value] = text.split("=");
  return { name, ...(value === undefined ? {} : { value }) };
}

function hashOf(hash: Hash): ConsistentHash | undefined {
  const key = keyOf(hash);
  return key && { key, table: tableOf(hash) };
}

/** One of them is there: the schema asks for it. */
function keyOf({ httpHeaderName, httpCookie, httpQueryParameterName, useSourceIp }: Hash): HashKey | undefined {
  if (httpHeaderName !== undefined) return { kind: "header", name: httpHeaderName.toLowerCase() };
  if (httpQueryParameterName !== undefined) return { kind: "query", name: httpQueryParameterName };
  if (useSourceIp) return { kind: "source-ip" };
  if (!httpCookie) return undefined;
  const { name, path, ttl, attributes: said = [] } = httpCookie;
  const attributes = said.map((one) => ({ name: one.name, ...(one.value ? { value: one.value } : {}) }));
  return {
    kind: "cookie",
    name,
    ...(path === undefined ? {} : { path }),
    ...(ttl === undefined ? {} : { ttlMs: milliseconds(ttl) }),
    ...(attributes.length > 0 ? { attributes } : {}),
  };
}

/** 0 is Istio's "not set". */
function tableOf({ ringHash, maglev, minimumRingSize: old }: Hash): HashTable {
  if (maglev) return { kind: "maglev", ...(maglev.tableSize ? { size: maglev.tableSize } : {}) };
  const minimumSize = ringHash ? ringHash.minimumRingSize : old;
  return { kind: "ring", ...(minimumSize ? { minimumSize } : {}) };
}

function warmupPart({ warmup, warmupDurationSecs }: LoadBalancer): Pick<TrafficSettings, "warmup"> {
  const time = warmup?.duration ?? warmupDurationSecs;
  if (time === undefined) return {};
  const { duration: _, ...shares } = warmup ?? {};
  return { warmup: { durationMs: milliseconds(time), ...shares } };
}
