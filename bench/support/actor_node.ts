/**
 * One node of the actors' bench, a process of its own: the real runtime with the real store, membership and transport over
 * NATS, hosting the service actors; and, for comparison, compare-and-sets on the same stream by the NATS client alone.
 * Told what to do by messages of bench/actors.ts.
 */
import { setTimeout as wait } from "node:timers/promises";
import { headers } from "@nats-io/transport-node";
import { service, serviceHands } from "../../src/actors/kinds/service.ts";
import { NatsBus } from "../../src/actors/nats/bus.ts";
import { NodeNetwork } from "../../src/actors/nats/node_network.ts";
import { actorTransport } from "../../src/actors/nats/transport.ts";
import { Membership } from "../../src/actors/runtime/membership.ts";
import type { NodeName } from "../../src/actors/runtime/placement.ts";
import { ActorRuntime } from "../../src/actors/runtime/runtime.ts";
import type { ServicePort } from "../../src/model/endpoint.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { Connection } from "../../src/store/jetstream/connection.ts";
import { streamNames, subjectOf } from "../../src/store/jetstream/names.ts";
import { openJetStreamStore } from "../../src/store/jetstream/open.ts";
import { encodeRecord } from "../../src/store/record.ts";
import type { OperationId, RecordKey, StoreRecord } from "../../src/store/store.ts";
import { weftAccount } from "../../test/support/nats.ts";

export interface Settings {
  readonly name: string;
  readonly server: string;
  readonly cluster: string;
  readonly replicas: number;
}

export type Command =
  | { readonly do: "members" }
  /** A turn that writes, of each actor once. Those that fail are asked again. */
  | { readonly do: "turns"; readonly ids: readonly string[]; readonly inFlight: number; readonly round: number }
  /** As many raw writes, each of a key of its own. */
  | { readonly do: "raw"; readonly count: number; readonly inFlight: number }
  /** One after another: raw, a turn here, a turn on another node. */
  | {
      readonly do: "compare";
      readonly here: readonly string[];
      readonly there: readonly string[];
      readonly round: number;
    }
  | { readonly do: "memory" };

export interface Reports {
  members: readonly string[];
  turns: { readonly tookMs: number; readonly firstMs: number; readonly failed: number };
  raw: { readonly tookMs: number };
  compare: { readonly raw: readonly number[]; readonly here: readonly number[]; readonly there: readonly number[] };
  memory: { readonly heapBytes: number; readonly rssBytes: number; readonly actors: number };
}

const quietMs = 3;
const settings: Settings = JSON.parse(process.argv[2] ?? "{}");
const ports = { clock: systemClock, random: systemRandom, logger: silentLogger };
const access = { ...weftAccount, servers: [settings.server] };
const store = await openJetStreamStore({ ...ports, ...access, ...settings, assumeSynced: true });
const bus = new NatsBus(new Connection({ ...ports, ...access, name: settings.name }), systemClock);
const self = settings.name as NodeName;
const network = new NodeNetwork(bus, self, settings.cluster, silentLogger);
const gossip = network.gossip("members");
const membership = new Membership({ ...ports, self, gossip, log: silentLogger });
const transport = actorTransport(network);
const runtime = new ActorRuntime({ ...ports, store, view: membership, transport, log: silentLogger });
runtime.host(service, serviceHands);
runtime.start();
membership.start();
membership.ready();
const rawConnection = new Connection({ ...ports, ...access, name: `${settings.name}, raw` });
const raw = (await rawConnection.session(new AbortController())).nats;

/** What every turn changes. */
const portsOf = (round: number): readonly ServicePort[] => [{ name: "http", port: 80 + round, protocol: "http" }];

async function turn(id: string, round: number): Promise<void> {
  const reply = await runtime.ask(service, id, { type: "claimPorts", source: "bench", ports: portsOf(round) });
  if (reply.kind !== "ok") throw new Error(JSON.stringify(reply));
}

async function each(count: number, inFlight: number, one: (index: number) => Promise<void>): Promise<number> {
  const startMs = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await one(index);
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return performance.now() - startMs;
}

async function turns({ ids, inFlight, round }: Command & { do: "turns" }): Promise<Reports["turns"]> {
  const startMs = performance.now();
  let [firstMs, failed] = [0, 0];
  const tookMs = await each(ids.length, inFlight, async (index) => {
    for (let done = false; !done; ) {
      done = await turn(ids[index] ?? "", round).then(
        () => true,
        () => false,
      );
      if (!done) failed++;
    }
    firstMs ||= performance.now() - startMs;
  });
  return { tookMs, firstMs, failed };
}

const names = streamNames(settings.cluster).records;
const rawSequences = new Map<number, number>();
let payload: Uint8Array | undefined;

/** The bytes of an actor's record, so that raw writes carry as much. */
async function likeAnActors(id: string): Promise<Uint8Array> {
  const seen: StoreRecord | undefined = await store.read("records", service.record(id));
  if (!seen) throw new Error(`no record of ${id}`);
  return encodeRecord({ key: seen.key, value: seen.value, seen }, seen.operations.at(-1)?.id ?? ("" as OperationId));
}

async function rawWrite(index: number): Promise<void> {
  const written = headers();
  written.set("Nats-Expected-Last-Subject-Sequence", String(rawSequences.get(index) ?? 0));
  const key = `raw.${settings.name}-${index}` as RecordKey;
  const subject = subjectOf(names, store.incarnation("records"), key);
  const answer = await raw.request(subject, payload, { headers: written, timeout: 5_000 });
  const { seq, error } = answer.json<{ readonly seq?: number; readonly error?: unknown }>();
  if (seq === undefined) throw new Error(`raw write: ${JSON.stringify(error)}`);
  rawSequences.set(index, seq);
}

/** Begins when what the write before it left to do (its record also comes back by the tail) is over. */
async function timed(samples: number[], work: () => Promise<void>): Promise<void> {
  await wait(quietMs);
  const startMs = performance.now();
  await work();
  samples.push(performance.now() - startMs);
}

async function compare({ here, there, round }: Command & { do: "compare" }): Promise<Reports["compare"]> {
  const samples = { raw: [] as number[], here: [] as number[], there: [] as number[] };
  payload ??= await likeAnActors(here[0] ?? "");
  for (const [index, id] of here.entries()) await rawWrite(index).then(() => turn(id, round));
  for (const id of there) await turn(id, round);
  for (const [index, id] of here.entries()) {
    await timed(samples.raw, () => rawWrite(index));
    await timed(samples.here, () => turn(id, round + 1));
    const other = there[index];
    if (other) await timed(samples.there, () => turn(other, round + 1));
  }
  return samples;
}

async function perform(command: Command): Promise<Reports[keyof Reports]> {
  switch (command.do) {
    case "members":
      return membership.members();
    case "turns":
      return turns(command);
    case "raw":
      return { tookMs: await each(command.count, command.inFlight, rawWrite) };
    case "compare":
      return compare(command);
    case "memory": {
      globalThis.gc?.();
      const { heapUsed, rss } = process.memoryUsage();
      return { heapBytes: heapUsed, rssBytes: rss, actors: runtime.active().service ?? 0 };
    }
  }
}

process.on("message", ({ id, command }: { readonly id: number; readonly command: Command }) => {
  perform(command).then(
    (report) => process.send?.({ id, report }),
    (cause: unknown) => process.send?.({ id, failed: String(cause) }),
  );
});
process.on("disconnect", () => process.exit());
process.send?.({ id: 0 });
