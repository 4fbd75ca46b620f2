/**
 * The xDS engine alone, for a load program to connect to: no store, no compiler, no policy. Serves SERVICES services with
 * ENDPOINTS endpoints each to whoever connects in plaintext, and changes one endpoint of svc-0 on request.
 *
 *   node bench/xds_engine.ts [--services 1000] [--endpoints 10] [--xds 18000] [--control 18001]
 *   GET 127.0.0.1:CONTROL/set?ip=10.200.0.2        changes it and answers
 *   GET 127.0.0.1:CONTROL/set?ip=10.200.0.2&wait   answers when every proxy holds it
 *   GET 127.0.0.1:CONTROL/memory                   bytes, after a collection if node runs with --expose-gc
 */
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { layerKey, type Position } from "../src/compile/layer.ts";
import { type Namespace, workloadName } from "../src/model/names.ts";
import { systemClock } from "../src/platform/clock.ts";
import { systemRandom } from "../src/platform/random.ts";
import { Fleet } from "../src/xds/fleet.ts";
import { XdsServer } from "../src/xds/server.ts";
import { cluster, endpoints, listener, route } from "../test/xds/resources.ts";

const { values } = parseArgs({
  options: {
    services: { type: "string", default: "1000" },
    endpoints: { type: "string", default: "10" },
    xds: { type: "string", default: "18000" },
    control: { type: "string", default: "18001" },
  },
});
const names = Array.from({ length: Number(values.services) }, (_, i) => `svc-${i}`);
const [clusters, addresses, tables] = [layerKey("clusters"), layerKey("endpoints"), layerKey("routes")];

function hostsOf(service: number, first?: string) {
  const own = (i: number): string => `10.${(service >> 8) + 1}.${service & 255}.${i + 1}`;
  return Array.from({ length: Number(values.endpoints) }, (_, i) => ({
    host: (i === 0 && first) || own(i),
    port: 8080,
  }));
}

const fleet = new Fleet({ clock: systemClock });
let position: Position = { records: 1, endpoints: 1 };
const table = [listener("outbound", { port: 15001, routes: "outbound" }), route("outbound", names)];
fleet.apply(
  [
    { layer: clusters, set: names.map((name) => cluster(name)), removed: [] },
    { layer: addresses, set: names.map((name, i) => endpoints(name, hostsOf(i))), removed: [] },
    { layer: tables, set: table, removed: [] },
  ],
  position,
);

const server = new XdsServer({
  fleet,
  clock: systemClock,
  random: systemRandom,
  plaintext: { host: "127.0.0.1", port: Number(values.xds) },
  identities: {
    identify: (_peer, { id }) => {
      const proxy = workloadName(id, "bench" as Namespace);
      return { kind: "proxy", proxy, layers: [clusters, addresses, tables, layerKey("own", proxy)] };
    },
    onLayersChanged: () => {},
  },
});

const control = createServer(async ({ url = "" }, response) => {
  const { pathname, searchParams } = new URL(url, "http://control");
  if (pathname === "/memory") {
    globalThis.gc?.();
    response.end(JSON.stringify({ ...process.memoryUsage(), ...fleet.size() }));
    return;
  }
  position = { ...position, endpoints: position.endpoints + 1 };
  const changed = endpoints("svc-0", hostsOf(0, searchParams.get("ip") ?? undefined));
  fleet.apply([{ layer: addresses, set: [changed], removed: [] }], position);
  const result = searchParams.has("wait") ? await fleet.waitDistributed(position) : { kind: "sent" };
  response.end(JSON.stringify(result));
});

control.listen(Number(values.control), "127.0.0.1");
const listening = await server.start();
process.stdout.write(`${JSON.stringify({ xds: listening.plaintext, pid: process.pid, ...fleet.size() })}\n`);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    control.close();
    void server.stop();
  });
}
