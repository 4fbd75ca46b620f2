/**
 * One schedule: 60 simulated seconds, three nodes, 5 to 12 faults, then healing and what must hold after it. All of it
 * follows from the seed.
 */
import { ownerOf } from "../../src/actors/runtime/placement.ts";
import { setIn } from "./checker.ts";
import { arrange, drawFaults, type Fault } from "./faults.ts";
import { keeperKey } from "./kinds.ts";
import type { Plant } from "./plant.ts";
import { keepers, World } from "./world.ts";

export interface ScheduleOptions {
  readonly seed: number;
  readonly plant?: Plant;
  readonly keepTrace?: boolean;
}

export interface Outcome {
  readonly seed: number;
  readonly violation: string | undefined;
  /** Of everything that happened, in order. */
  readonly hash: string;
  readonly events: number;
  readonly commits: number;
  readonly faults: readonly Fault[];
  readonly moves: number;
  readonly lines: readonly string[];
}

const fromMs = 2_000;
const healMs = 42_000;
/** From healing to the check: everything must have converged. */
const convergeMs = 10_000;
const endMs = 60_000;

export async function runSchedule(options: ScheduleOptions): Promise<Outcome> {
  const world = new World(options);
  const { time, checker } = world;
  const faults = drawFaults(world.chance("faults"), { fromMs, healMs });
  const stop = (): boolean => checker.violation !== undefined;
  for (const node of world.nodes) node.boot();
  arrange(world, faults);
  for (const caller of world.callers) void caller.live(healMs + convergeMs / 2);
  for (const agent of world.agents) agent.start(endMs - 4_000);
  await time.run(healMs, stop);
  world.heal();
  await time.run(healMs + convergeMs, stop);
  if (!stop()) await converged(world, stop);
  return {
    seed: options.seed,
    violation: checker.violation,
    hash: world.trace.digest(),
    events: world.trace.noted,
    commits: checker.commits,
    faults,
    moves: world.agents.reduce((sum, { moves }) => sum + moves, 0),
    lines: world.trace.lines,
  };
}

/** After healing: everybody answers, what must run runs once, and all copies are equal. */
async function converged(world: World, stop: () => boolean): Promise<void> {
  const { time, checker, nodes, agents, server } = world;
  const before = new Map(keepers.map((id) => [id, checker.keeper(keeperKey(id))]));
  let unanswered: number | undefined;
  void world.callers[0]?.writeToAll(4).then((count) => {
    unanswered = count;
  });
  await time.run(time.elapsedMs + 4_000, stop);
  checker.require(unanswered === 0, () => `after healing ${unanswered ?? "some"} writes were not answered in 4 s`);
  for (const id of keepers) {
    const [was, is] = [before.get(id), checker.keeper(keeperKey(id))];
    checker.require(was?.activation === is?.activation, () => `keeper ${id} moves though the world is healed`);
    checker.require((is?.ticks ?? 0) > (was?.ticks ?? 0), () => `keeper ${id} does not run`);
  }
  const views = new Set(nodes.map(({ running }) => running.view.members().join()));
  checker.require(views.size === 1, () => `nodes see different members: ${[...views].join(" / ")}`);
  const members = nodes[0]?.running.view.members() ?? [];
  for (const { name, running } of nodes) {
    const here = keepers.filter((id) => ownerOf({ kind: "keeper", id }, members) === name).length;
    const active = running.runtime.active().keeper ?? 0;
    checker.require(active === here, () => `${name} runs ${active} keepers, ${here} are placed on it`);
  }
  for (const { key, atMs } of checker.timers()) {
    const late = time.nowMs() - atMs;
    checker.require(late < 2_500, () => `${key}: a timer is ${late} ms late`);
  }
  await time.run(endMs - 1_000, stop);
  const { last } = server.stream("records");
  for (const node of nodes) {
    const { replica } = node.running;
    const { records, endpoints } = replica.position();
    const held = `${records} of ${last}, ${endpoints} of ${server.stream("endpoints").last}`;
    // Keepers never stand still; a copy may be a few writes behind.
    checker.require(last - records < 8, () => `${node.name} holds ${held}`);
  }
  for (const agent of agents) {
    checker.require(agent.served, () => `${agent.name} has no stream`);
    checker.require(agent.held.digest === checker.pairsDigest, () => `${agent.name} holds ${agent.held.digest}`);
    checker.require(agent.acked === agent.version, () => `${agent.name}'s set ${agent.version} is not acknowledged`);
  }
  for (const { name, running } of nodes) {
    const shown = running.replica.list("endpoints").map((held) => running.replica.record(held.key));
    const versions = shown
      .map((record) => (record ? setIn(record)?.version : undefined))
      .sort()
      .join();
    const said = agents
      .map(({ acked }) => acked)
      .sort()
      .join();
    checker.require(versions === said, () => `${name} shows sets ${versions}, ${said} were said`);
  }
}
