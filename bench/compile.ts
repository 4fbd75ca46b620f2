/**
 * What compiling costs the event loop, in this process and without store or proxies, by the mesh's size; and, beside it,
 * what a worker thread would have to be given to do it instead.
 *
 *   npm run bench -- compile [--services 1000,5000,10000] [--endpoints 10] [--repeats 9] [--json]
 *
 *   cold        everything at once, as at a node's start: compiled, then encoded
 *   namespace   the route table of one more namespace, which its first proxy waits for
 *   endpoint    one endpoint of one service changed; route: one VirtualService changed
 *   handed over the inputs packed, copied and unpacked, once: the least that a worker without a copy of its own needs
 *
 * Medians of the repeats but for what is done cold, which is done once in a new compiler each.
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { pack, unpack } from "msgpackr";
import { Compiler } from "../src/compile/compiler.ts";
import type { InputChange } from "../src/compile/input.ts";
import type { Item } from "../src/compile/ir.ts";
import type { LayerChange } from "../src/compile/layer.ts";
import { encode } from "../src/envoy/encode.ts";
import { defaultTrustDomain } from "../src/model/identity.ts";
import { endpoint, hostOf, ns, setObject, setShard, shard, virtualService } from "../test/compile/mesh.ts";
import { median } from "./quantile.ts";

const { values } = parseArgs({
  options: {
    services: { type: "string", default: "1000,5000,10000" },
    endpoints: { type: "string", default: "10" },
    repeats: { type: "string", default: "9" },
    json: { type: "boolean", default: false },
  },
});
const endpoints = Number(values.endpoints);
const repeats = Number(values.repeats);

const nameOf = (service: number): string => `svc-${service}`;

function shardOf(service: number, generation = 0): InputChange {
  const own = Array.from({ length: endpoints }, (_, i) => {
    const last = i === 0 ? generation + 1 : i + 1;
    return endpoint(`e${i}`, { address: `10.${(service >> 8) + 1}.${service & 255}.${last}` });
  });
  return setShard(shard(nameOf(service), own));
}

function encoded(layers: readonly LayerChange<Item>[]): number {
  let bytes = 0;
  for (const { set } of layers) for (const item of set) bytes += encode(item).value.length;
  return bytes;
}

function timed<T>(work: () => T): { readonly ms: number; readonly made: T } {
  const startMs = performance.now();
  const made = work();
  return { ms: performance.now() - startMs, made };
}

function measure(services: number): Record<string, number> {
  const settings = { trustDomain: defaultTrustDomain, outboundTrafficPolicy: "ALLOW_ANY" } as const;
  const inputs: InputChange[] = [{ kind: "settings", settings }];
  for (let service = 0; service < services; service++) inputs.push(shardOf(service));
  const compiler = new Compiler();
  const cold = timed(() => compiler.update(inputs));
  const coldEncoding = timed(() => encoded(cold.made));
  const each = (change: (n: number) => readonly InputChange[]): number =>
    median(Array.from({ length: repeats }, (_, n) => timed(() => encoded(compiler.update(change(n)))).ms));
  const namespace = each((n) => [{ kind: "caller", namespace: ns(`ns-${n}`), present: true }]);
  const oneEndpoint = each((n) => [shardOf(0, 100 + n)]);
  const oneRoute = each((n) => [setObject(virtualService(nameOf(1), { host: hostOf(nameOf(n)) }))]);
  const handing = timed(() => unpack(Uint8Array.prototype.slice.call(pack(inputs))));
  return {
    "cold, compiled, ms": cold.ms,
    "cold, encoded, ms": coldEncoding.ms,
    "namespace, ms": namespace,
    "endpoint, ms": oneEndpoint,
    "route, ms": oneRoute,
    "handed over, ms": handing.ms,
  };
}

const rows = Object.fromEntries(
  values.services.split(",").map((services) => [`${services} services`, measure(Number(services))]),
);
if (values.json) console.log(JSON.stringify({ endpoints, repeats, rows, load_average: loadavg() }));
else {
  const rounded = Object.entries(rows).map(([name, row]) => [
    name,
    Object.fromEntries(Object.entries(row).map(([column, ms]) => [column, Number(ms.toPrecision(3))])),
  ]);
  console.table(Object.fromEntries(rounded));
  console.log(`${endpoints} endpoints each; load average ${loadavg()[0]?.toFixed(2)}`);
}
