/**
 * What goes wrong in a schedule: drawn from the seed before it begins, so that a schedule is known by its seed alone.
 * Everything is over at `healMs`, when the world is put right and must converge.
 */
import type { NodeName } from "../../src/actors/runtime/placement.ts";
import { integerIn, type Random } from "../../src/platform/random.ts";
import type { SimNode } from "./node.ts";
import type { World } from "./world.ts";

export interface Fault {
  readonly kind: FaultKind;
  readonly atMs: number;
  readonly forMs: number;
  /** Which node, and which other one. */
  readonly node: number;
  readonly other: number;
  /** Uniform in [0, 1): whatever else the fault needs. */
  readonly dice: number;
}

type Begin = (world: World, fault: Fault) => (() => void) | undefined;

/** From beginning to end, in ms: how long each lasts. `begin` answers how it ends. */
const kinds = {
  crash: { forMs: [200, 9_000], begin: crash },
  drain: { forMs: [500, 4_000], begin: drain },
  pause: { forMs: [300, 12_000], begin: pause },
  cutStore: { forMs: [500, 8_000], begin: cutStore },
  cutStoreAnswers: { forMs: [500, 6_000], begin: cutStoreAnswers },
  cutPeers: { forMs: [500, 9_000], begin: cutPeers },
  isolate: { forMs: [500, 8_000], begin: isolate },
  noLeader: { forMs: [1_000, 9_000], begin: noLeader },
  ambiguousStore: { forMs: [1_000, 9_000], begin: ambiguousStore },
  staleReads: { forMs: [500, 5_000], begin: staleReads },
  badNetwork: { forMs: [1_000, 9_000], begin: badNetwork },
  missedTail: { forMs: [500, 6_000], begin: missedTail },
  tailTrouble: { forMs: [1_000, 6_000], begin: tailTrouble },
  clockJump: { forMs: [1_000, 6_000], begin: clockJump },
  wrongView: { forMs: [500, 6_000], begin: wrongView },
  crowd: { forMs: [1_000, 4_000], begin: crowd },
  newEndpoints: { forMs: [1, 2], begin: newEndpoints },
} as const satisfies Record<string, { readonly forMs: readonly [number, number]; readonly begin: Begin }>;

export type FaultKind = keyof typeof kinds;
export const faultKinds = Object.keys(kinds) as readonly FaultKind[];

export function drawFaults(random: Random, options: { readonly fromMs: number; readonly healMs: number }): Fault[] {
  const count = integerIn(random, 5, 13);
  const faults = Array.from({ length: count }, () => {
    const kind = faultKinds[integerIn(random, 0, faultKinds.length)] ?? "crash";
    const [least, most] = kinds[kind].forMs;
    // A time written down by a clock that is 18 s ahead must be past when everything is checked.
    const lastMs = kind === "clockJump" ? options.healMs / 2 : options.healMs - 1_000;
    const atMs = options.fromMs + random.unit() * (lastMs - options.fromMs);
    const forMs = Math.min(least + random.unit() ** 2 * (most - least), options.healMs - atMs);
    const node = integerIn(random, 0, 3);
    return { kind, atMs, forMs, node, other: (node + integerIn(random, 1, 3)) % 3, dice: random.unit() };
  });
  return faults.sort((a, b) => a.atMs - b.atMs);
}

export function arrange(world: World, faults: readonly Fault[]): void {
  for (const fault of faults) {
    world.time.after(fault.atMs, () => {
      const { kind, node, other } = fault;
      world.trace.note(`fault ${kind} n${node} n${other} for ${fault.forMs.toFixed(0)}`);
      const end = kinds[kind].begin(world, fault);
      world.time.after(fault.forMs, () => {
        if (world.healed) return;
        world.trace.note(`fault ${kind} ends`);
        end?.();
      });
    });
  }
}

function crash(world: World, { node }: Fault): () => void {
  const it = world.node(node);
  it.crash();
  return () => {
    it.boot();
  };
}

function drain(world: World, { node }: Fault): () => void {
  const it = world.node(node);
  it.drain();
  return () => {
    it.boot();
  };
}

function pause(world: World, { node }: Fault): () => void {
  const it = world.node(node);
  const { process } = it;
  it.pause();
  return () => {
    if (it.process === process) it.resume();
  };
}

function cutStore(world: World, { node }: Fault): () => void {
  const it = world.node(node);
  set(it, { lostAppend: 1, failedRead: 1, silenceMs: 2_000 });
  it.cutTails(true);
  Object.assign(it.reach, { speaks: false, hears: false });
  return () => mend(it);
}

/** What the node says arrives, what it is told does not. */
function cutStoreAnswers(world: World, { node }: Fault): () => void {
  const it = world.node(node);
  set(it, { lostAnswer: 1, failedRead: 1, silenceMs: 2_000 });
  it.cutTails(true);
  it.reach.hears = false;
  return () => mend(it);
}

function cutPeers(world: World, { node, other, dice }: Fault): () => void {
  const [a, b] = [world.node(node).name, world.node(other).name];
  world.network.cut(a, b);
  if (dice < 0.5) world.network.cut(b, a);
  return () => {
    world.network.heal();
  };
}

function isolate(world: World, fault: Fault): () => void {
  const it = world.node(fault.node);
  const mendStore = cutStore(world, fault);
  for (const { name } of world.nodes) {
    if (name === it.name) continue;
    world.network.cut(it.name, name);
    world.network.cut(name, it.name);
  }
  return () => {
    world.network.heal();
    mendStore();
  };
}

function noLeader(world: World): () => void {
  for (const it of world.nodes) set(it, { lostAppend: 1, failedRead: 1, silenceMs: 1_000 });
  world.server.pauseTails();
  return () => {
    for (const it of world.nodes) set(it, { lostAppend: 0, failedRead: 0, silenceMs: 0 });
    world.server.resumeTails();
  };
}

function ambiguousStore(world: World, { dice }: Fault): () => void {
  const share = 0.05 + dice * 0.3;
  const faults = { lostAnswer: share, lostAppend: share, lateCommit: share, failedRead: share / 2, silenceMs: 300 };
  for (const it of world.nodes) set(it, { ...faults, lateCommitMs: 3_000 });
  const none = { lostAnswer: 0, lostAppend: 0, lateCommit: 0, failedRead: 0, silenceMs: 0 };
  return () => world.nodes.forEach((it) => void set(it, none));
}

function staleReads(world: World, { node, dice }: Fault): () => void {
  world.checker.staleReads = true;
  const it = world.node(node);
  set(it, { staleRead: 0.2 + dice * 0.6 });
  return () => set(it, { staleRead: 0 });
}

function badNetwork(world: World, { dice }: Fault): () => void {
  world.checker.doubles = true;
  Object.assign(world.network.faults, { drop: dice * 0.3, duplicate: (1 - dice) * 0.4, delayMs: 20 + dice * 900 });
  return () => world.network.heal();
}

function missedTail(world: World, { node }: Fault): () => void {
  const it = world.node(node);
  it.cutTails(true);
  return () => it.cutTails(false);
}

function tailTrouble(world: World, { node, dice }: Fault): () => void {
  const it = world.node(node);
  set(it, { duplicateDelivery: dice, tailReset: (1 - dice) * 0.1, tailPauseMs: 20 + dice * 1_500 });
  return () => set(it, { duplicateDelivery: 0, tailReset: 0, tailPauseMs: 12 });
}

function clockJump(world: World, { node, dice }: Fault): () => void {
  const it = world.node(node);
  it.jumpClock(Math.round((dice - 0.5) * 36_000));
  return () => it.jumpClock(0);
}

/** The node believes in others than there are; itself may be missing among them. */
function wrongView(world: World, { node, dice }: Fault): () => void {
  const names: readonly NodeName[] = world.nodes.map(({ name }) => name);
  const some = names.filter((_, at) => (Math.floor(dice * 8) >> at) & 1);
  const it = world.node(node);
  it.believe(some.length > 0 ? some : [it.name]);
  return () => it.believe(undefined);
}

/** One actor is written more often than its record remembers operations. */
function crowd(world: World, { node, dice, forMs }: Fault): undefined {
  void world.callers[node]?.crowd(`l${Math.floor(dice * 5)}`, forMs);
}

function newEndpoints(world: World): undefined {
  world.server.recreate("endpoints");
  world.checker.follow("endpoints");
}

function set(it: SimNode, faults: Partial<SimNode["faults"]>): void {
  Object.assign(it.faults, faults);
}

function mend(it: SimNode): void {
  Object.assign(it.reach, { speaks: true, hears: true });
  set(it, { lostAppend: 0, lostAnswer: 0, failedRead: 0, silenceMs: 0 });
  it.cutTails(false);
}
