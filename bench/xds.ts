/**
 * A fleet that sees everything, from this project's node and from go-control-plane's server, one after the other in one
 * run: the full configuration to all, one changed endpoint to the last proxy, the server's CPU for each, memory per proxy.
 * Both sides in plaintext, over loopback; our clusters are the product's (mTLS context, circuit breakers), the rival's are
 * bare. What is timed is what the load program sees; a change is timed from the API call that makes it.
 *
 *   npm run bench -- xds [--proxies 500] [--services 1000] [--endpoints 10] [--changes 9] [--json]
 *
 * Needs Go, for the load program and the rival (bench/rivals).
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { endsWithUs } from "../test/support/ends_with_us.ts";
import { Mesh } from "../test/support/mesh.ts";
import { Api } from "./support/api.ts";
import { buildRivals, type LoadFigures, load, startControl } from "./support/rivals.ts";
import { declareServices, endpointsOf, pathOf } from "./support/services.ts";

const { values } = parseArgs({
  options: {
    proxies: { type: "string", default: "500" },
    services: { type: "string", default: "1000" },
    endpoints: { type: "string", default: "10" },
    changes: { type: "string", default: "9" },
    json: { type: "boolean", default: false },
  },
});
const [proxies, services] = [Number(values.proxies), Number(values.services)];
const [endpoints, changes] = [Number(values.endpoints), Number(values.changes)];

async function ours(): Promise<LoadFigures> {
  const mesh = await Mesh.start({ demo: false, args: ["--xds-plaintext", "127.0.0.1:0"] });
  endsWithUs(mesh);
  const api = new Api();
  try {
    const [node] = mesh.ready.nodes;
    if (!node?.xdsPlaintext) throw new Error("the node does not listen in plaintext");
    await declareServices(api, node.api, { services, endpoints });
    const pid = mesh.pidOf(node.name) ?? node.pid;
    const body = endpointsOf(0, endpoints, "MARK");
    return await load({ addr: node.xdsPlaintext, pid, proxies, changes, url: `${node.api}${pathOf(0)}`, body });
  } finally {
    api.close();
    await mesh.remove();
  }
}

async function goControlPlane(): Promise<LoadFigures> {
  const control = await startControl(services, endpoints);
  try {
    const url = `http://${control.http}/set?ip=MARK`;
    return await load({ addr: control.xds, pid: control.pid, proxies, changes, url });
  } finally {
    control.stop();
  }
}

const median = (sorted: readonly number[]): number => sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;

const shown: readonly (readonly [name: string, of: (figures: LoadFigures) => number])[] = [
  ["full configuration to all, ms", ({ full_ms }) => full_ms],
  ["server's CPU for it, ms", ({ full_cpu_ms }) => full_cpu_ms],
  ["bytes a proxy", ({ full_bytes_per_proxy }) => full_bytes_per_proxy],
  ["one change to the last proxy, ms", ({ change_last_ms }) => median(change_last_ms)],
  ["server's CPU for it, ms ", ({ change_cpu_ms }) => median(change_cpu_ms)],
  ["memory a proxy, kB", ({ memory_kb_per_proxy }) => memory_kb_per_proxy],
];

buildRivals();
const rival = await goControlPlane();
const own = await ours();
if (values.json) console.log(JSON.stringify({ own, rival, load_average: loadavg() }));
else {
  console.table(
    Object.fromEntries(
      shown.map(([name, of]) => [
        name,
        { Weft: round(of(own)), "go-control-plane": round(of(rival)), ratio: round(of(rival) / of(own)) },
      ]),
    ),
  );
  console.log(
    `${proxies} proxies, ${services} services × ${endpoints} endpoints, medians of ${changes} changes; ` +
      `ratio above 1: Weft needs less; load average ${loadavg()[0]?.toFixed(2)}`,
  );
}

function round(value: number): number {
  return value >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
