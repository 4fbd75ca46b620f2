/**
 * Thousands of changes, one after the other, through the demo's real Envoys under a constant load: services, endpoints,
 * routes, traffic policies and access policies appear, change and go, while each target keeps a live endpoint and a valid
 * route. No request may fail, no Envoy may refuse anything, and nothing may warm for longer than a second.
 *
 *   npm run chaos -- changes [--count 10000] [--requests 100] [--seed 1] [--json]
 *
 * At the end the node is killed, and starts with a compile of its own: it must have nothing to send to any Envoy, each of
 * which says by version what it holds; and the Envoys' own dumps must name what the node says. Exit 1 otherwise.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { loadavg } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { integerIn, type Random, seededRandom } from "../src/platform/random.ts";
import { oneOf } from "../test/support/cluster_writers.ts";
import { endsWithUs } from "../test/support/ends_with_us.ts";
import { type Envoy, liveNames } from "../test/support/live_config.ts";
import { Mesh } from "../test/support/mesh.ts";
import { sumOf } from "../test/support/metrics.ts";
import { demoLoad, SteadyLoad, stopLoads } from "../test/support/steady_load.ts";
import { Warming } from "../test/support/warming.ts";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "10000" },
    requests: { type: "string", default: "100" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
const warmsAtMostMs = 1_000;
const targets = 4;
const services = 40;
const policies = 10;
const networking = "networking.mesh.io/v1";
const httpPort = [{ name: "http", port: 80, protocol: "http" }];

type Call = readonly [method: string, path: string, body?: object];

const random = seededRandom(Number(values.seed));
const mesh = await Mesh.start();
endsWithUs(mesh);
const backends = await Promise.all([backend(), backend(), backend()]);
const warming = new Warming(mesh.ready.workloads.map(({ admin }) => admin));
try {
  const ports = backends.map((server) => (server.address() as AddressInfo).port);
  const made = new Set<string>();
  for (let target = 0; target < targets; target++) await call(liveEndpoints(target, ports));
  const client = mesh.workload("productpage-v1").outbound ?? "";
  await distributed();
  const perSecond = Number(values.requests);
  const loads = [
    ...demoLoad(mesh.ready.ingress, client, perSecond / 5),
    ...Array.from({ length: targets }, (_, target) => {
      const host = `target-${target}:80`;
      return new SteadyLoad({ via: client, host, perSecond: perSecond / targets });
    }),
  ];
  await warming.start();
  const startedMs = performance.now();
  const kinds: Record<string, number> = {};
  for (let change = 0; change < Number(values.count); change++) {
    const [kind, request] = draw(random, ports, made);
    await call(request);
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  const tookMs = performance.now() - startedMs;
  await distributed();
  const served = await stopLoads(loads);
  const warmed = await warming.stop();
  const refusals = await metric("weft_xds_refusals_total");
  const differing = await differences();
  const sentAnew = await sentAfterRestart();
  const bad = served.failed + refusals + differing.length + sentAnew + (warmed.longestMs > warmsAtMostMs ? 1 : 0) > 0;
  const report = { changes: Number(values.count), kinds, tookMs, served, warmed, refusals, differing, sentAnew };
  if (values.json) console.log(JSON.stringify({ ...report, seed: values.seed, load_average: loadavg() }));
  else {
    const each = Object.entries(kinds).map(([kind, count]) => `${count} ${kind}`);
    console.log(
      `${values.count} changes in ${(tookMs / 1_000).toFixed(1)} s (${each.join(", ")}), seed ${values.seed}`,
    );
    console.log(`requests: ${served.failed} failed of ${served.sent}, slowest ${served.slowestMs.toFixed(0)} ms`);
    if (served.failed > 0) console.log(served.reasons);
    console.log(`refusals ${refusals} · longest warming ${warmed.longestMs.toFixed(0)} ms ${warmed.longest}`);
    console.log(`Envoys that hold other names than the node says: ${differing.join("; ") || "none"}`);
    console.log(`resources that a fresh compile had to send: ${sentAnew} · load average ${loadavg()[0]?.toFixed(1)}`);
    console.log(bad ? "✖" : "✔");
  }
  if (bad) process.exitCode = 1;
} finally {
  await warming.stop();
  for (const server of backends) {
    server.close();
    server.closeAllConnections();
  }
  await mesh.remove();
}

/** It never closes a connection by itself: that would race with a request, whatever the mesh does. */
async function backend(): Promise<Server> {
  const server = createServer((_request, response) => response.end("good"));
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function draw(from: Random, ports: readonly number[], made: Set<string>): readonly [kind: string, call: Call] {
  const dice = from.unit();
  if (dice < 0.3) return ["endpoints", liveEndpoints(integerIn(from, 0, targets), ports)];
  if (dice < 0.5) return ["services", service(from)];
  if (dice < 0.72) return ["routes", declared(from, made, route(from))];
  if (dice < 0.85) return ["traffic policies", declared(from, made, trafficPolicy(from))];
  return ["access policies", declared(from, made, accessPolicy(from))];
}

/** One to three of the backends, each as heavy as chance will have it. */
function liveEndpoints(target: number, ports: readonly number[]): Call {
  const first = integerIn(random, 0, ports.length);
  const chosen = ports.filter((_, i) => i === first || random.unit() < 0.5);
  const endpoints = chosen.map((port) => ({
    id: `b${port}`,
    address: "127.0.0.1",
    ports: { http: port },
    weight: integerIn(random, 1, 4),
    labels: { version: random.unit() < 0.5 ? "a" : "b" },
  }));
  return ["PUT", `/v1/endpoints/default/target-${target}?source=chaos`, { ports: httpPort, endpoints }];
}

/** Of nobody: it appears, changes and goes. */
function service(from: Random): Call {
  const path = `/v1/endpoints/default/passing-${integerIn(from, 0, services)}?source=chaos`;
  if (from.unit() < 0.3) return ["PUT", path, { ports: [], endpoints: [] }];
  const endpoints = Array.from({ length: integerIn(from, 1, 6) }, (_, i) => ({
    id: `e${i}`,
    address: `10.9.${integerIn(from, 0, 250)}.${i + 1}`,
    ports: { http: 8080 },
  }));
  return ["PUT", path, { ports: httpPort, endpoints }];
}

interface Made {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: object;
}

/** Written, or taken away if it is there and chance will have it. */
function declared(from: Random, made: Set<string>, object: Made): Call {
  const path = `/v1/resources/${object.kind.toLowerCase()}/default/${object.metadata.name}`;
  if (made.has(path) && from.unit() < 0.3) {
    made.delete(path);
    return ["DELETE", path];
  }
  made.add(path);
  return ["POST", "/v1/apply", object];
}

/** What no request asks for goes anywhere; all others to the target. */
function route(from: Random): Made {
  const target = integerIn(from, 0, targets);
  const rules = Array.from({ length: integerIn(from, 0, 4) }, (_, i) => {
    const host =
      from.unit() < 0.5 ? `passing-${integerIn(from, 0, services)}` : `target-${integerIn(from, 0, targets)}`;
    return {
      match: [{ headers: { "x-nobody": { exact: `${i}-${integerIn(from, 0, 100)}` } } }],
      route: [{ destination: { host, port: { number: 80 } } }],
    };
  });
  const last = {
    route: [{ destination: { host: `target-${target}`, port: { number: 80 } } }],
    timeout: `${integerIn(from, 5, 30)}s`,
  };
  const spec = { hosts: [`target-${target}`], http: [...rules, last] };
  return { apiVersion: networking, kind: "VirtualService", metadata: { name: `target-${target}` }, spec };
}

function trafficPolicy(from: Random): Made {
  const name = from.unit() < 0.5 ? `target-${integerIn(from, 0, targets)}` : `passing-${integerIn(from, 0, services)}`;
  const simple = oneOf(from, ["ROUND_ROBIN", "LEAST_REQUEST", "RANDOM"]);
  const http = { http1MaxPendingRequests: integerIn(from, 1_000, 2_000) };
  const spec = { host: name, trafficPolicy: { loadBalancer: { simple }, connectionPool: { http } } };
  return { apiVersion: networking, kind: "DestinationRule", metadata: { name }, spec };
}

/** Against paths that nobody asks for, on the demo's own workloads. */
function accessPolicy(from: Random): Made {
  const app = oneOf(from, ["productpage", "reviews", "ratings", "details"]);
  const paths = [`/nobody-${integerIn(from, 0, 1_000)}`];
  const spec = {
    selector: { matchLabels: { app } },
    action: "DENY",
    rules: [{ to: [{ operation: { paths } }] }],
  };
  const name = `nobody-${integerIn(from, 0, policies)}`;
  return { apiVersion: "security.mesh.io/v1", kind: "AuthorizationPolicy", metadata: { name }, spec };
}

async function call([method, path, body]: Call): Promise<unknown> {
  const init = { method, ...(body && { body: JSON.stringify(body) }), signal: AbortSignal.timeout(15_000) };
  const response = await mesh.api(path, init);
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}\n${JSON.stringify(body)}`);
  return JSON.parse(text);
}

async function distributed(): Promise<void> {
  const { code, stderr } = await mesh.meshctl(["wait", "--for=distributed", "--timeout=60s"]);
  if (code !== 0) throw new Error(`not distributed: ${stderr}`);
}

async function metric(name: string): Promise<number> {
  return sumOf(await (await mesh.api("/metrics")).text(), name);
}

async function differences(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { name, namespace } of mesh.ready.workloads) {
    const proxy = `${name}.${namespace}`;
    const read = async (...more: readonly string[]): Promise<unknown> =>
      JSON.parse((await mesh.meshctl(["proxy-config", "all", proxy, "-o", "json", ...more])).stdout);
    const live = liveNames((await read("--live")) as Envoy);
    // What has its endpoints in itself, or from a file, as the ways to the application and to the control plane.
    live.endpoint = live.endpoint?.filter((cluster) => cluster.startsWith("outbound|")) ?? [];
    const told = (await read()) as Record<string, readonly { readonly name?: string; readonly clusterName?: string }[]>;
    for (const [section, names] of Object.entries(live)) {
      const said = (told[section] ?? []).map((one) => one.name ?? one.clusterName ?? "").sort();
      const odd = [...said, ...names].filter((one) => said.includes(one) !== names.includes(one));
      if (odd.length > 0) found.push(`${proxy}: ${section} ${odd.slice(0, 3).join(", ")}`);
    }
  }
  return found;
}

/** The node begins anew, from the store; every Envoy comes back with the versions that it holds. */
async function sentAfterRestart(): Promise<number> {
  const [node] = mesh.ready.nodes;
  if (!node) throw new Error("there is no node");
  await mesh.restartOf(node.name, () => process.kill(mesh.pidOf(node.name) ?? node.pid, "SIGKILL"));
  const connected = async (): Promise<boolean> => {
    try {
      return (await metric("weft_xds_connected_proxies")) === mesh.ready.workloads.length;
    } catch {
      return false;
    }
  };
  while (!(await connected())) await wait(100);
  await distributed();
  return metric("weft_xds_pushes_total");
}
