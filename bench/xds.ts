/**
 * A fleet and its node, in shapes. What is timed is what the load program sees (bench/rivals, in Go); both sides in
 * plaintext, over loopback. Our clusters are the product's (mTLS context, circuit breakers), the rival's are bare.
 *
 *   alike    every proxy sees everything: the full configuration to all, one changed endpoint to the last proxy, the
 *            server's CPU for each, memory a proxy; a round is a fleet that comes, its share of the changes, and its end; a
 *            round of go-control-plane's server after a round of ours
 *   one      1,000 changes a round, 20 a second, to the one proxy that there is; medians of the rounds, and the worst of all;
 *            beside the disk's own time, for a tail may be the disk's
 *   mixed    the same changes where the proxies are of 200 namespaces, with 100 routes and traffic policies, 100 access policies
 *            and 50 Sidecars, and the endpoints in 5 localities; a round of `alike` of this project after each
 *   churn    a round is 5 changes a second for 20 s, then 100 for 30 s: each service seen by a tenth of the proxies, then by
 *            all; figures as of `one`
 *   storm    1,000 more proxies lose their connections and come back at once, without anything they held; each round of a
 *            node of its own
 *   crowd    100 proxies each that never read, refuse everything and answer nothing come and go beside 300 others
 *   memory   what a proxy costs the node: a connection, its stream, and what it is told
 *   growth   `alike` of this project with more services, then with more proxies
 *
 *   npm run bench -- xds [--shape alike] [--proxies 500] [--services 1000] [--endpoints 10] [--changes 108]
 *                        [--rounds 9] [--json]
 *
 * A change is timed from the API call that makes it, the store's write included. Medians are of a warm process: in
 * the first twenty changes a quarter of the CPU goes to V8's own threads. Needs Go, for the load and the rival.
 */
import { loadavg } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { sumOf } from "../test/support/metrics.ts";
import { median } from "./quantile.ts";
import { bareProxies, residentKb } from "./support/bare_proxies.ts";
import { type DiskFigures, watchDisk } from "./support/disk.ts";
import { declareMixed, mixedLocalities, mixedNamespaces } from "./support/mixed_mesh.ts";
import { type OurNode, withOurNode } from "./support/our_node.ts";
import {
  buildRivals,
  type ChurnFigures,
  type LoadFigures,
  type LoadOptions,
  load,
  startControl,
} from "./support/rivals.ts";
import { churnEndpoints, churnPath, type Declared, endpointsOf, pathOf } from "./support/services.ts";
import { stolenMs } from "./support/stolen.ts";

const { values } = parseArgs({
  options: {
    shape: { type: "string", default: "alike" },
    proxies: { type: "string", default: "500" },
    services: { type: "string", default: "1000" },
    endpoints: { type: "string", default: "10" },
    changes: { type: "string", default: "108" },
    rounds: { type: "string", default: "9" },
    json: { type: "boolean", default: false },
  },
});
const proxies = Number(values.proxies);
const declared: Declared = { services: Number(values.services), endpoints: Number(values.endpoints) };
const changes = Number(values.changes);
/** One alone says little. */
const rounds = Number(values.rounds);

type Rows = Readonly<Record<string, Readonly<Record<string, number>>>>;

const shapes: Readonly<Record<string, () => Promise<Rows>>> = {
  alike,
  one,
  mixed,
  churn,
  storm,
  crowd,
  memory,
  growth,
};

async function alike(): Promise<Rows> {
  return compared(
    await withGoControlPlane((rival) =>
      withOurNode(declared, (node) => inTurns({ Weft: oneChangeAt(node), "go-control-plane": rival })),
    ),
  );
}

async function one(): Promise<Rows> {
  return named("one proxy", await churned({ of: 1, shares: 1, plan: "20:50" }));
}

async function mixed(): Promise<Rows> {
  const body = endpointsOf(0, { count: declared.endpoints, localities: mixedLocalities, first: "MARK" });
  return withOurNode(declared, (plain) =>
    withOurNode({ ...declared, localities: mixedLocalities }, async (node) => {
      await declareMixed(node);
      const own = { ...oneChangeAt(node), body, namespaces: mixedNamespaces };
      const rows = compared(await inTurns({ mixed: own, alike: oneChangeAt(plain) }));
      const metrics = await metricsOf(node);
      return {
        ...rows,
        "layers held": { mixed: metrics("weft_compile_layers") },
        "bytes of all layers": { mixed: metrics("weft_compile_layer_bytes") },
      };
    }),
  );
}

async function churn(): Promise<Rows> {
  const tenth = await churned({ of: proxies, shares: 10, plan: "5:20,100:30" });
  const all = await churned({ of: proxies, shares: 1, plan: "5:20,100:30" });
  return { ...named("seen by a tenth", tenth), ...named("seen by all", all) };
}

const named = (name: string, rows: Rows): Rows =>
  Object.fromEntries(Object.entries(rows).map(([row, of]) => [`${name}, ${row}`, of]));

/**
 * @param shares each service is seen by one of so many proxies. @param plan changes a second : seconds, …, in each round.
 * @returns a row of each rate, and how the last compares with the first.
 */
async function churned(asked: { readonly of: number; readonly shares: number; readonly plan: string }): Promise<Rows> {
  const { of, shares, plan } = asked;
  const rates = plan.split(",");
  const churn = { plan: Array<string>(rounds).fill(plan).join(","), services: declared.services };
  const body = churnEndpoints(declared.endpoints);
  const [figures, disk] = await withOurNode(declared, async ({ xds: addr, api, pid }) => {
    const watched = watchDisk();
    const url = `${api}${churnPath}`;
    const seen = await load({ addr, pid, proxies: of, changes: 0, url, body, shares, churn });
    return [seen.churn ?? [], await watched.stop()];
  });
  const byRate = rates.map((_, at) => figures.filter((_, number) => number % rates.length === at));
  const rows = byRate.map((ofRate) => [`${ofRate[0]?.changes} changes`, churnRow(ofRate, disk)] as const);
  const [idle = [], busy] = byRate;
  if (!busy) return Object.fromEntries(rows);
  const times = idle.map(({ p99_ms }, round) => (busy[round]?.p99_ms ?? Number.NaN) / p99_ms);
  return { ...Object.fromEntries(rows), "the second to the first": { "p99, ms": median(times) } };
}

/** Medians of the rounds; the worst and the lost are of all of them. */
function churnRow(ofRounds: readonly ChurnFigures[], disk: DiskFigures): Record<string, number> {
  const middle = (of: (figures: ChurnFigures) => number): number => median(ofRounds.map(of));
  return {
    "changes a second": middle(({ rate }) => rate),
    "median, ms": middle(({ median_ms }) => median_ms),
    "p99, ms": middle(({ p99_ms }) => p99_ms),
    "p99 of the worst round": Math.max(...ofRounds.map(({ p99_ms }) => p99_ms)),
    "worst, ms": Math.max(...ofRounds.map(({ worst_ms }) => worst_ms)),
    "load's own lateness, p99, ms": middle(({ late_p99_ms }) => late_p99_ms),
    "the disk alone, p99, ms": disk.p99Ms,
    "worst of the disk, ms": disk.worstMs,
    lost: ofRounds.reduce((sum, { lost }) => sum + lost, 0),
    "server's cores": middle(({ cores }) => cores),
    responses: middle(({ responses }) => responses),
    "server, MB before": ofRounds[0]?.server_mb_before ?? Number.NaN,
    "after half of the rounds": ofRounds[ofRounds.length >> 1]?.server_mb_after ?? Number.NaN,
    after: ofRounds.at(-1)?.server_mb_after ?? Number.NaN,
  };
}

async function storm(): Promise<Rows> {
  const storms: Record<string, number>[] = [];
  for (let round = 0; round < rounds; round++) storms.push(await oneStorm());
  const middle = Object.keys(storms[0] ?? {}).map((name) => [name, median(storms.map((of) => of[name] ?? Number.NaN))]);
  const worst = Math.max(...storms.map((of) => of[longestTurn] ?? Number.NaN));
  return { "1,000 that come back": { ...Object.fromEntries(middle), "of the worst round": worst } };
}

const longestTurn = "longest turn of its event loop, ms";

/** Of a node of its own. */
function oneStorm(): Promise<Record<string, number>> {
  return withOurNode(declared, async (node) => {
    const watched = watchLag(node);
    const { storm: of } = await load({ ...oneChangeAt(node), changes: 0, storm: 1_000 });
    if (!of) throw new Error("no figures of the storm");
    const [before, during] = [median(of.baseline_ms), median(of.during_ms)];
    return {
      "all served after, ms": of.served_ms,
      "change to those who stayed, before, ms": before,
      "during, ms": during,
      ratio: during / before,
      "worst during, ms": of.during_ms.at(-1) ?? Number.NaN,
      "server, MB steady": of.steady_mb,
      "peak, MB": of.peak_mb,
      "server's CPU, ms": of.server_cpu_ms,
      [longestTurn]: watched.stop(of.began_unix_ms),
    };
  });
}

async function crowd(): Promise<Rows> {
  const row = await withOurNode(declared, async (node) => {
    const { crowd: of } = await load({ ...oneChangeAt(node), proxies: 300, changes: 0, badly: 100 });
    if (!of) throw new Error("no figures of the crowd");
    const metrics = await metricsOf(node);
    return {
      "change to 300 others, alone, ms": median(of.alone_ms),
      "among them, ms": median(of.among_ms),
      ratio: median(of.among_ms) / median(of.alone_ms),
      "server, MB before": of.server_mb_before,
      "peak, MB": of.server_mb_peak,
      "changes held back": metrics("weft_held_changes"),
      refusals: metrics("weft_xds_refusals_total"),
    };
  });
  return { "100 of each": row };
}

/** @returns the sum of a metric over its labels, all of one reading. */
async function metricsOf({ api }: OurNode): Promise<(name: string) => number> {
  const text = await (await fetch(`${api}/metrics`)).text();
  return (name) => sumOf(text, name);
}

const lookMs = 250;
// For the node to take in what came, before its memory is read.
const settleMs = 1_500;

/**
 * The longest turn of the node's event loop; each reading of its metric begins anew. What is read after `stop` does not
 * count: the load program ends, and all its connections with it. Nor does what was read before `sinceMs`.
 */
function watchLag(node: OurNode): { stop(sinceMs: number): number } {
  const readings: { readonly untilMs: number; readonly longestMs: number }[] = [];
  let watching = true;
  const look = async (): Promise<void> => {
    await (await metricsOf(node))("nodejs_eventloop_lag_max_seconds");
    while (watching) {
      await wait(lookMs);
      const longestMs = 1_000 * (await metricsOf(node))("nodejs_eventloop_lag_max_seconds");
      if (watching) readings.push({ untilMs: Date.now(), longestMs });
    }
  };
  const looking = look();
  return {
    stop(sinceMs) {
      watching = false;
      looking.catch(() => {});
      return Math.max(...readings.filter(({ untilMs }) => untilMs >= sinceMs).map(({ longestMs }) => longestMs));
    },
  };
}

/** Each row is added to the one before; memory is the process's, so that what the collector leaves is in it. */
async function memory(): Promise<Rows> {
  const rows: Record<string, Record<string, number>> = {};
  const note = (name: string, kb: number, way: "plaintext" | "mTLS"): void => {
    rows[name] = { ...rows[name], [`${way}, kB a proxy`]: kb };
  };
  for (const way of ["mTLS", "plaintext"] as const) {
    await withOurNode(declared, async (node) => {
      const [address, identity] = way === "mTLS" ? [node.xdsMtls, await node.identity()] : [node.xds, undefined];
      const bare = bareProxies(address, proxies, identity);
      let beforeKb = residentKb(node.pid);
      for (const [name, open] of Object.entries(bare.layers)) {
        await open();
        await wait(settleMs);
        const nowKb = residentKb(node.pid);
        note(name, (nowKb - beforeKb) / proxies, way);
        beforeKb = nowKb;
      }
      bare.close();
    });
  }
  const full = await withOurNode(declared, (node) => load({ ...oneChangeAt(node), changes: 0 }));
  note("a proxy that holds everything, all of it", full.memory_kb_per_proxy, "plaintext");
  return rows;
}

async function growth(): Promise<Rows> {
  const rows: Record<string, LoadFigures> = {};
  const sizes = [100, 1_000, 5_000].map((services) => ({ services, proxies: 100 }));
  for (const size of [...sizes, ...[100, 500, 1_000].map((count) => ({ services: 1_000, proxies: count }))]) {
    const name = `${size.services} services, ${size.proxies} proxies`;
    rows[name] ??= await withOurNode({ ...declared, services: size.services }, (node) =>
      load({ ...oneChangeAt(node), proxies: size.proxies }),
    );
  }
  return Object.fromEntries(Object.entries(rows).map(([name, figures]) => [name, cells(figures)]));
}

function oneChangeAt({ xds, api, pid }: OurNode): LoadOptions {
  return {
    addr: xds,
    pid,
    proxies,
    changes,
    url: `${api}${pathOf(0)}`,
    body: endpointsOf(0, { count: declared.endpoints, first: "MARK" }),
  };
}

async function withGoControlPlane<T>(measure: (options: LoadOptions) => Promise<T>): Promise<T> {
  const control = await startControl(declared.services, declared.endpoints);
  try {
    return await measure({
      addr: control.xds,
      pid: control.pid,
      proxies,
      changes,
      url: `http://${control.http}/set?ip=MARK`,
    });
  } finally {
    control.stop();
  }
}

/** A round of each side after a round of the others, so that a slow minute of the machine is everybody's. */
async function inTurns(sides: Readonly<Record<string, LoadOptions>>): Promise<Readonly<Record<string, LoadFigures>>> {
  const seen = Object.keys(sides).map((): LoadFigures[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [at, options] of Object.values(sides).entries()) {
      seen[at]?.push(await load({ ...options, changes: Math.ceil(options.changes / rounds) }));
    }
  }
  return Object.fromEntries(Object.keys(sides).map((side, at) => [side, ofAllRounds(seen[at] ?? [])]));
}

/** Memory and the server's size are the first round's, which meets a server that has held no fleet yet. */
function ofAllRounds(figures: readonly LoadFigures[]): LoadFigures {
  const [first] = figures;
  if (!first) throw new Error("no round was asked for");
  return {
    ...first,
    full_ms: median(figures.map(({ full_ms }) => full_ms)),
    full_cpu_ms: median(figures.map(({ full_cpu_ms }) => full_cpu_ms)),
    change_first_ms: figures.flatMap(({ change_first_ms }) => change_first_ms),
    change_last_ms: figures.flatMap(({ change_last_ms }) => change_last_ms),
    change_cpu_ms: figures.flatMap(({ change_cpu_ms }) => change_cpu_ms),
  };
}

function cells(figures: LoadFigures): Record<string, number> {
  return {
    "full configuration to all, ms": figures.full_ms,
    "server's CPU for it, ms": figures.full_cpu_ms,
    "bytes a proxy": figures.full_bytes_per_proxy,
    "one change to the first proxy, ms": median(figures.change_first_ms),
    "one change to the last proxy, ms": median(figures.change_last_ms),
    "server's CPU for a change, ms": median(figures.change_cpu_ms),
    "memory a proxy, kB": figures.memory_kb_per_proxy,
    "server, MB": figures.server_mb,
  };
}

/** The ratio is of the second to the first: above 1, the first needs less. */
function compared(two: Readonly<Record<string, LoadFigures>>): Rows {
  const [first, second] = Object.values(two).map(cells);
  const rows: Record<string, Record<string, number>> = {};
  for (const name of Object.keys(first ?? {})) {
    const [a = Number.NaN, b = Number.NaN] = [first?.[name], second?.[name]];
    const [ours = "", other = ""] = Object.keys(two);
    rows[name] = { [ours]: a, [other]: b, ratio: b / a };
  }
  return rows;
}

const shape = shapes[values.shape];
if (!shape) {
  console.error(`bench xds: no shape ${values.shape}; one of ${Object.keys(shapes).join(", ")}`);
  process.exit(64);
}
buildRivals();
const before = { stolenMs: stolenMs(), atMs: performance.now() };
const rows = await shape();
const stolen = (stolenMs() - before.stolenMs) / (performance.now() - before.atMs);
const machine = { load_average: loadavg(), stolen_cores: stolen };
if (values.json) console.log(JSON.stringify({ shape: values.shape, rows, ...machine }));
else {
  const rounded = Object.entries(rows).map(([name, row]) => [
    name,
    Object.fromEntries(Object.entries(row).map(([column, value]) => [column, round(value)])),
  ]);
  console.table(Object.fromEntries(rounded));
  console.log(
    `${values.shape}: ${proxies} proxies, ${declared.services} services × ${declared.endpoints} endpoints, medians of ${changes} changes and ${rounds} rounds; load average ${machine.load_average[0]?.toFixed(2)}, ${stolen.toFixed(3)} cores stolen by the host`,
  );
}

function round(value: number): number {
  return value >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
