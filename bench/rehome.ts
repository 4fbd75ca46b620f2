/**
 * A control-plane node killed with half of all proxies on it: from the kill until every proxy holds a change that was made
 * after it, and what that cost in bytes beside the full configuration. Three real nodes on three nats-servers; plaintext
 * delta xDS; the other half of the proxies is on the two that live. The changes go to a live node, every 200 ms.
 *
 *   npm run bench -- rehome [--proxies 500] [--services 1000] [--endpoints 10] [--kills 3] [--stays-dead] [--json] [--xdsload PATH]
 *
 * The node is started again after two seconds, as by systemd in production; its start takes a core of the machine that all of
 * this runs on. With --stays-dead it is not before the proxies are through, as when its machine is gone.
 *
 * With --xdsload, or WEFT_XDSLOAD, an independent load program in Go takes the place of our own proxies (one process with
 * all of them, so their own cost is in the figure too). It takes -addr, -n, -rounds, -meta, -trigger-url, -trigger-body,
 * -kill, and prints rehome_last_ms and the like as JSON.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { loadavg } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { endsWithUs } from "../test/support/ends_with_us.ts";
import { Mesh, type ReadyNode } from "../test/support/mesh.ts";
import { quantile } from "./quantile.ts";
import { AdsProxy, SharedWords } from "./support/ads_proxy.ts";
import { Api } from "./support/api.ts";
import { declareServices, endpointsOf, pathOf } from "./support/services.ts";

const { values } = parseArgs({
  options: {
    proxies: { type: "string", default: "500" },
    services: { type: "string", default: "1000" },
    endpoints: { type: "string", default: "10" },
    kills: { type: "string", default: "3" },
    xdsload: { type: "string", default: process.env.WEFT_XDSLOAD ?? "" },
    "stays-dead": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const [proxies, services] = [Number(values.proxies), Number(values.services)];
const [endpoints, kills] = [Number(values.endpoints), Number(values.kills)];
const betweenChangesMs = 200;
const quietMs = 500;
const limitMs = 60_000;

interface Rehoming {
  readonly full_config_s: number;
  readonly full_config_bytes_per_proxy: number;
  readonly rehome_p50_ms: number;
  readonly rehome_last_ms: number;
  readonly rehome_lost: number;
  readonly rehome_bytes_per_proxy: number;
}

interface Scene {
  /** Where a proxy starts: every other one on the first. */
  readonly addresses: readonly string[];
  readonly api: string;
  /** Of the first's node. */
  readonly pid: number;
}

const api = new Api();
/** Of one length, so that none is the beginning of another. */
const markOf = (change: number): string => `10.20${Math.floor(change / 100)}.0.${100 + (change % 100)}`;

async function ours({ addresses, api: at, pid }: Scene): Promise<Rehoming> {
  const words = new SharedWords();
  const heldMs = new Map<AdsProxy, number>();
  const marks: Buffer[] = [];
  const onResponse = (bytes: Buffer, proxy: AdsProxy): void => {
    if (heldMs.has(proxy) || !marks.some((mark) => bytes.includes(mark))) return;
    heldMs.set(proxy, performance.now());
  };
  const startMs = performance.now();
  const fleet = Array.from({ length: proxies }, (_, i) => {
    const from = i % addresses.length;
    const own = [...addresses.slice(from), ...addresses.slice(0, from)];
    return new AdsProxy({ id: `proxy-${i}`, addresses: own, words, onResponse });
  });
  const isFull = (proxy: AdsProxy): boolean => proxy.holds.every((count) => count >= services);
  const lastMs = (): number => Math.max(...fleet.map((proxy) => proxy.lastMs));
  while (!fleet.every(isFull) || performance.now() - lastMs() < quietMs) {
    if (performance.now() - startMs > limitMs) throw new Error(`not the whole configuration: ${lacking(fleet)}`);
    await wait(50);
  }
  const total = (): number => fleet.reduce((sum, { bytes }) => sum + bytes, 0);
  const [fullMs, fullBytes] = [lastMs() - startMs, total()];

  const killedMs = performance.now();
  process.kill(pid, "SIGKILL");
  for (let change = 0; heldMs.size < proxies && performance.now() - killedMs < limitMs; change++) {
    marks.push(Buffer.from(markOf(change)));
    await api
      .call("PUT", `${at}${pathOf(0)}`, endpointsOf(0, { count: endpoints, first: markOf(change) }))
      .catch((error) => console.error(String(error)));
    await wait(betweenChangesMs);
  }
  const took = [...heldMs.values()].map((ms) => ms - killedMs);
  const bytes = total() - fullBytes;
  for (const proxy of fleet) proxy.stop();
  return {
    full_config_s: fullMs / 1000,
    full_config_bytes_per_proxy: fullBytes / proxies,
    rehome_p50_ms: quantile(took, 0.5),
    rehome_last_ms: quantile(took, 1),
    rehome_lost: proxies - took.length,
    rehome_bytes_per_proxy: bytes / proxies,
  };
}

function lacking(fleet: readonly AdsProxy[]): string {
  const left = fleet.filter(({ holds }) => holds.some((count) => count < services));
  const shown = left
    .slice(0, 5)
    .map(({ id, holds, streams, received }) => `${id} holds ${holds.join("/")}, stream ${streams}, ${received} bytes`);
  return `${left.length} of ${fleet.length} proxies, ${shown.join("; ")}`;
}

async function byLoadProgram({ addresses, api: at, pid }: Scene): Promise<Rehoming> {
  const args = [
    ...["-addr", addresses.join(), "-n", String(proxies), "-rounds", "2", "-kill", `kill -9 ${pid}`],
    ...["-meta", '{"NAMESPACE":"default"}', "-trigger-url", `${at}${pathOf(0)}`],
    ...["-trigger-body", JSON.stringify(endpointsOf(0, { count: endpoints, first: "MARK" }))],
  ];
  const child = spawn(values.xdsload, args, { stdio: ["ignore", "pipe", "inherit"] });
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

async function round(mesh: Mesh, index: number): Promise<Rehoming> {
  const { nodes } = mesh.ready;
  const dying = nodes[index % nodes.length];
  if (!dying) throw new Error("no nodes");
  const [first, second] = nodes.filter((node) => node !== dying);
  if (!first || !second) throw new Error("three nodes are needed");
  const addresses = [dying, first, dying, second].map(({ xdsPlaintext = "" }) => xdsPlaintext);
  const pid = mesh.pidOf(dying.name) ?? dying.pid;
  const restarted = mesh.restartOf(dying.name, () => {});
  // Awaited below; what goes wrong before that is told instead.
  restarted.catch(() => {});
  const scene: Scene = { addresses, api: first.api, pid };
  // What starts the dead again does nothing else.
  const supervisor = values["stays-dead"] ? mesh.ready.pid : undefined;
  if (supervisor !== undefined) process.kill(supervisor, "SIGSTOP");
  const figures = await (values.xdsload ? byLoadProgram(scene) : ours(scene)).finally(() => {
    if (supervisor !== undefined) process.kill(supervisor, "SIGCONT");
  });
  await restarted;
  await isReady(dying);
  return figures;
}

async function isReady({ api: at, name }: ReadyNode): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    const ready = await api.call("GET", `${at}/readyz`).catch(() => undefined);
    if (ready) return;
    await wait(50);
  }
  throw new Error(`${name} is not ready again`);
}

if (values.xdsload && !existsSync(values.xdsload)) {
  console.error(
    `bench rehome: there is no load program at ${values.xdsload}; without --xdsload our own proxies are used`,
  );
  process.exit(64);
}
const mesh = await Mesh.start({ demo: false, args: ["--nodes", "3", "--xds-plaintext", "127.0.0.1:0"] });
endsWithUs(mesh);
try {
  const declaredS = await declareServices(api, mesh.ready.api, { services, endpoints });
  const rounds: Rehoming[] = [];
  for (let index = 0; index < kills; index++) rounds.push(await round(mesh, index));
  const loads = loadavg().map((load) => load.toFixed(2));
  if (values.json) {
    console.log(JSON.stringify({ proxies, services, declared_s: declaredS, rounds, load_average: loads }));
  } else {
    console.table(
      rounds.map((one) => ({
        "full config s": one.full_config_s.toFixed(2),
        "bytes a proxy": Math.round(one.full_config_bytes_per_proxy),
        "newer change, p50 ms": Math.round(one.rehome_p50_ms),
        "last ms": Math.round(one.rehome_last_ms),
        lost: one.rehome_lost,
        "bytes after the kill": Math.round(one.rehome_bytes_per_proxy),
        "% of full": ((100 * one.rehome_bytes_per_proxy) / one.full_config_bytes_per_proxy).toFixed(2),
      })),
    );
    console.log(
      `${proxies} proxies, half of them on the node that is killed; ${services} services × ${endpoints} endpoints, ` +
        `declared in ${declaredS.toFixed(1)} s; load average ${loads.join(" ")}`,
    );
  }
} finally {
  api.close();
  await mesh.remove();
}
