/**
 * One changed VirtualService or DestinationRule, from the API call that makes it until a real Envoy has acknowledged it: in
 * a mesh with no other object, then beside 2,000 of them; and what the change computed again.
 *
 *   npm run bench -- traffic_objects [--objects 2000] [--services 1000] [--changes 31] [--json]
 *
 * Half of the objects are VirtualServices, half DestinationRules, each for a service of its own; a sidecar of their namespace
 * takes them all. The answer to `wait` and its way back are in the figures.
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { endsWithUs } from "../test/support/ends_with_us.ts";
import { Mesh } from "../test/support/mesh.ts";
import { Workloads } from "../test/support/workload.ts";
import { median } from "./quantile.ts";
import { Api } from "./support/api.ts";
import { declareServices } from "./support/services.ts";

const { values } = parseArgs({
  options: {
    objects: { type: "string", default: "2000" },
    services: { type: "string", default: "1000" },
    changes: { type: "string", default: "31" },
    json: { type: "boolean", default: false },
  },
});
const [objects, services, changes] = [Number(values.objects), Number(values.services), Number(values.changes)];
/** Below what one apply takes. */
const applied = 300;

const kinds = ["VirtualService", "DestinationRule"] as const;
type Kind = (typeof kinds)[number];

const hostOf = (number: number): string => `svc-${number}.default.svc.cluster.local`;

/** @param step changes what it says. */
function object(kind: Kind, number: number, step = 0): object {
  const metadata = { name: `bench-${number}`, namespace: "default" };
  const host = hostOf(number);
  const http = [{ route: [{ destination: { host } }], timeout: `${step + 1}s` }];
  const trafficPolicy = { connectionPool: { tcp: { maxConnections: 100 + step } } };
  const spec = kind === "VirtualService" ? { hosts: [host], http } : { host, trafficPolicy };
  return { apiVersion: "networking.istio.io/v1", kind, metadata, spec };
}

const calls = new Api();
const mesh = await Mesh.start({ demo: false });
endsWithUs(mesh);
const workloads = new Workloads(mesh);
try {
  const { api } = mesh.ready;
  await declareServices(calls, api, { services, endpoints: 2 });
  await workloads.sidecar({ service: "client" });
  const apply = (items: readonly object[]) =>
    calls.call("POST", `${api}/v1/apply`, { apiVersion: "v1", kind: "List", items });
  const distributed = async (revision: unknown): Promise<void> => {
    const { kind } = await calls.call("GET", `${api}/v1/wait?revision=${String(revision)}&timeoutMs=30000`);
    if (kind !== "distributed") throw new Error(`not distributed: ${String(kind)}`);
  };
  const recomputed = async (): Promise<Map<string, number>> => {
    const text = await (await fetch(`${api}/metrics`)).text();
    const lines = text.matchAll(/^weft_compile_recomputations_total\{[^}]*node="([^"]+)"[^}]*\} (\S+)$/gm);
    return new Map(Array.from(lines, ([, node = "", count]) => [node, Number(count)]));
  };
  const timed = async (kind: Kind): Promise<number> => {
    const tookMs: number[] = [];
    for (let step = 0; step < changes; step++) {
      const startMs = performance.now();
      const { revision } = await apply([object(kind, 0, step)]);
      await distributed(revision);
      tookMs.push(performance.now() - startMs);
    }
    return median(tookMs);
  };
  const rows: Record<string, Record<string, number | string>> = {};
  const among = async (others: number): Promise<void> => {
    for (const kind of kinds) {
      await timed(kind);
      const before = await recomputed();
      const tookMs = await timed(kind);
      const after = await recomputed();
      const counts = [...after].map(([node, count]) => [node, (count - (before.get(node) ?? 0)) / changes] as const);
      const named = counts.filter(([, count]) => count > 0).map(([node, count]) => `${node} ${count}`);
      rows[`${kind} beside ${others}`] = { "median, ms": tookMs, "computed again": named.join(", ") };
    }
  };
  await among(0);
  const all = Array.from({ length: objects / 2 }, (_, n) => n).flatMap((n) => kinds.map((kind) => object(kind, n)));
  for (let at = 0; at < all.length; at += applied) {
    const { revision } = await apply(all.slice(at, at + applied));
    await distributed(revision);
  }
  await among(objects);
  if (values.json) console.log(JSON.stringify(rows));
  else {
    console.table(rows);
    console.log(`${services} services, medians of ${changes} changes; load average ${loadavg()[0]?.toFixed(2)}`);
  }
} finally {
  calls.close();
  await workloads.stop();
  await mesh.remove();
}
