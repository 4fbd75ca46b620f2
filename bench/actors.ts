/**
 * Service actors over three nodes, each a process with the real runtime, store, membership and transport, beside the raw
 * JetStream compare-and-set of as many bytes, on the same stream, from the same process, in turns with it.
 *
 *   npm run bench -- actors [--actors 10000] [--samples 300] [--in-flight 64] [--replicas 1,3] [--json]
 *
 * R1 is one nats-server, R3 three; both sync before they acknowledge. Told for each:
 * - latency of one write at a time: raw, a turn asked for on the owner's node, a turn asked for on another node
 * - a second: raw writes, activations (the first turn of each actor: read, decide, write), turns of actors in memory; the
 *   three nodes together, each with --in-flight writes under way
 * - heap of one actor in memory; and, when one node is killed, how long until each of its actors has taken a turn on a
 *   node that lives, all of them asked for at once
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { loadavg } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type NodeName, ownerOf } from "../src/actors/runtime/placement.ts";
import { Nats } from "../test/support/nats.ts";
import { NatsTrio } from "../test/support/nats_trio.ts";
import { quantile } from "./quantile.ts";
import type { Command, Reports, Settings } from "./support/actor_node.ts";

const { values } = parseArgs({
  options: {
    actors: { type: "string", default: "10000" },
    samples: { type: "string", default: "300" },
    "in-flight": { type: "string", default: "64" },
    replicas: { type: "string", default: "1,3" },
    json: { type: "boolean", default: false },
  },
});
const samples = Number(values.samples);
const inFlight = Number(values["in-flight"]);
const nodeNames = ["node-a", "node-b", "node-c"] as const satisfies readonly string[];
const ids = Array.from({ length: Number(values.actors) }, (_, i) => `default/actor-${i}`);

class Node {
  readonly name: NodeName;
  readonly #child: ChildProcess;
  readonly #open = new Map<number, { resolve: (report: never) => void; reject: (cause: Error) => void }>();
  #asked = 0;

  constructor(settings: Settings) {
    this.name = settings.name as NodeName;
    const program = new URL("support/actor_node.ts", import.meta.url);
    this.#child = fork(program, [JSON.stringify(settings)], { execArgv: ["--expose-gc"] });
    this.#child.on("message", (message: { readonly id: number; readonly report: never; readonly failed?: string }) => {
      const { id, report, failed } = message;
      const open = this.#open.get(id);
      this.#open.delete(id);
      if (failed === undefined) open?.resolve(report);
      else open?.reject(new Error(`${settings.name}: ${failed}`));
    });
  }

  async started(): Promise<void> {
    await once(this.#child, "message");
  }

  ask<Do extends Command["do"]>(command: Command & { readonly do: Do }): Promise<Reports[Do]> {
    const { promise, resolve, reject } = Promise.withResolvers<Reports[Do]>();
    this.#open.set(++this.#asked, { resolve, reject });
    this.#child.send({ id: this.#asked, command });
    return promise;
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await gone;
  }
}

interface Servers extends AsyncDisposable {
  url(node: number): string;
}

async function startServers(replicas: number): Promise<Servers> {
  if (replicas === 3) return NatsTrio.start();
  const nats = await Nats.start();
  return { url: () => nats.servers[0] ?? "", [Symbol.asyncDispose]: () => nats.stop() };
}

const perSecond = (count: number, tookMs: number): number => Math.round((1000 * count) / tookMs);
const middle = (latencies: readonly number[]) => ({ p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) });

async function measure(replicas: number): Promise<Record<string, unknown>> {
  await using servers = await startServers(replicas);
  const cluster = `bench-${replicas}`;
  const nodes = nodeNames.map((name, n) => new Node({ name, server: servers.url(n), cluster, replicas }));
  try {
    await Promise.all(nodes.map((node) => node.started()));
    await settled(nodes);
    return { replicas, ...(await figures(nodes)), load_average: loadavg()[0] };
  } finally {
    await Promise.all(nodes.map((node) => node.kill()));
  }
}

/** All see the same three. */
async function settled(nodes: readonly Node[]): Promise<void> {
  for (;;) {
    const views = await Promise.all(nodes.map((node) => node.ask({ do: "members" })));
    if (views.every((members) => members.length === nodes.length)) return;
    await wait(50);
  }
}

async function figures(nodes: readonly Node[]): Promise<Record<string, unknown>> {
  const members = nodes.map(({ name }) => name);
  const placed = Map.groupBy(ids, (id) => ownerOf({ kind: "service", id }, members) ?? "nobody");
  const of = (node: Node): readonly string[] => placed.get(node.name) ?? [];
  const [first, second, dying] = nodes;
  if (!first || !second || !dying) throw new Error("three nodes are needed");

  const before = await memory(nodes);
  const activating = await together(nodes, (node) => node.ask({ do: "turns", ids: of(node), inFlight, round: 0 }));
  const after = await memory(nodes);

  const here = of(first).slice(0, samples);
  const there = [...of(second), ...of(dying)].slice(0, samples);
  const latency = await first.ask({ do: "compare", here, there, round: 1 });
  const writing = await together(nodes, (node) => node.ask({ do: "raw", count: of(node).length, inFlight }));
  const turning = await together(nodes, (node) => node.ask({ do: "turns", ids: of(node), inFlight, round: 3 }));

  const orphans = of(dying);
  await dying.kill();
  const survivors = [first, second];
  const takingOver = await together(survivors, (node, n) =>
    node.ask({ do: "turns", ids: orphans.filter((_, i) => i % 2 === n), inFlight, round: 4 }),
  );
  const raw = middle(latency.raw);
  const ratio = (turn: readonly number[]): number => Math.round((100 * quantile(turn, 0.5)) / raw.p50) / 100;
  return {
    latency_ms: { raw, turn_on_its_node: middle(latency.here), turn_from_another_node: middle(latency.there) },
    turn_to_raw: { on_its_node: ratio(latency.here), from_another_node: ratio(latency.there) },
    raw_writes_per_second: perSecond(ids.length, writing.tookMs),
    activations_per_second: perSecond(ids.length, activating.tookMs),
    turns_per_second: perSecond(ids.length, turning.tookMs),
    heap_bytes_per_actor: Math.round((after.heapBytes - before.heapBytes) / Math.max(1, after.actors - before.actors)),
    take_over: {
      actors: orphans.length,
      first_ms: Math.round(Math.min(...takingOver.reports.map(({ firstMs }) => firstMs))),
      all_ms: Math.round(takingOver.tookMs),
      failed: takingOver.reports.reduce((sum, { failed }) => sum + failed, 0),
    },
  };
}

async function together<Report>(nodes: readonly Node[], ask: (node: Node, index: number) => Promise<Report>) {
  const startMs = performance.now();
  const reports = await Promise.all(nodes.map(ask));
  return { reports, tookMs: performance.now() - startMs };
}

async function memory(nodes: readonly Node[]): Promise<Reports["memory"]> {
  const { reports } = await together(nodes, (node) => node.ask({ do: "memory" }));
  const sum = (pick: (one: Reports["memory"]) => number): number =>
    reports.reduce((total, one) => total + pick(one), 0);
  return {
    heapBytes: sum(({ heapBytes }) => heapBytes),
    rssBytes: sum(({ rssBytes }) => rssBytes),
    actors: sum(({ actors }) => actors),
  };
}

const measured: Record<string, unknown>[] = [];
for (const replicas of values.replicas.split(",").map(Number)) measured.push(await measure(replicas));
if (values.json) console.log(JSON.stringify({ actors: ids.length, in_flight: inFlight, measured }));
else console.dir({ actors: ids.length, in_flight: inFlight, measured }, { depth: null });
