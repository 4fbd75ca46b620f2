/**
 * One changed endpoint, on an idle demo: from the moment `PUT /v1/endpoints/…` is sent until the last of all connected
 * Envoys has acknowledged it (the demo's seven), and until the API has answered the write.
 *
 *   npm run bench -- endpoint_change [--changes 1000] [--state-dir DIR of a running mesh] [--json]
 *
 * Without a running mesh one is started. The second figure is part of the first. The answer to `wait` and its way back
 * are in the figure too, so an Envoy's own acknowledgement comes earlier than is said here.
 */
import { readFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { Mesh } from "../test/support/mesh.ts";
import { quantile } from "./quantile.ts";
import { Api } from "./support/api.ts";

const { values } = parseArgs({
  options: {
    changes: { type: "string", default: "1000" },
    "state-dir": { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const changes = Number(values.changes);
const pauseMs = 20;
const client = new Api();

const setOf = (change: number): unknown => ({
  ports: [{ name: "http", port: 80, protocol: "HTTP" }],
  endpoints: Array.from({ length: 10 }, (_, i) => ({
    id: `e${i}`,
    address: i === 0 ? `10.200.${change >> 8}.${change & 255}` : `10.100.0.${i}`,
    ports: { http: 8080 },
  })),
});

async function measure(api: string): Promise<{ written: number[]; acknowledged: number[]; proxies: unknown }> {
  const url = `${api}/v1/endpoints/default/bench-endpoint-change`;
  const written: number[] = [];
  const acknowledged: number[] = [];
  let proxies: unknown;
  for (let change = -20; change < changes; change++) {
    const startMs = performance.now();
    const { token } = await client.call("PUT", url, setOf(change + 20));
    const writtenMs = performance.now() - startMs;
    const waited = await client.call("GET", `${api}/v1/wait?endpoints=${String(token)}&timeoutMs=10000`);
    const acknowledgedMs = performance.now() - startMs;
    if (waited.kind !== "distributed") throw new Error(JSON.stringify(waited));
    proxies = waited.proxies;
    // The first ones warm the machine up.
    if (change >= 0) {
      written.push(writtenMs);
      acknowledged.push(acknowledgedMs);
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  await client.call("PUT", url, { ports: [], endpoints: [] });
  return { written, acknowledged, proxies };
}

const mesh = values["state-dir"] === undefined ? await Mesh.start() : undefined;
try {
  const api = mesh?.ready.api ?? (await apiOf(values["state-dir"] ?? ""));
  const { written, acknowledged, proxies } = await measure(api);
  const figures = {
    changes,
    proxies,
    put_answered_ms: { p50: quantile(written, 0.5), p99: quantile(written, 0.99) },
    acknowledged_by_all_ms: {
      p50: quantile(acknowledged, 0.5),
      p99: quantile(acknowledged, 0.99),
      max: quantile(acknowledged, 1),
    },
    load_average: loadavg()[0],
  };
  if (values.json) console.log(JSON.stringify(figures));
  else
    console.table({
      "PUT answered": figures.put_answered_ms,
      "all Envoys acknowledged": figures.acknowledged_by_all_ms,
    });
  if (!values.json) console.log(`${changes} changes, ${proxies} proxies, ms; load average ${figures.load_average}`);
} finally {
  client.close();
  await mesh?.remove();
}

async function apiOf(stateDir: string): Promise<string> {
  const { nodes } = JSON.parse(await readFile(`${stateDir}/dev.json`, "utf8"));
  return nodes[0].api;
}
