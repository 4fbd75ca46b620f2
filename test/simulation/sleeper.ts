/**
 * An owner that is stopped (SIGSTOP) for five suspicion times in the middle of its work, and goes on as if nothing had
 * been. Meanwhile another owner has written. Nothing that the sleeper's activation still had in hand may be accepted.
 */
import { ownerOf } from "../../src/actors/runtime/placement.ts";
import { limits } from "../../src/platform/limits.ts";
import type { Store } from "../../src/store/store.ts";
import { ledgerKey } from "./kinds.ts";
import { portOf, type SimNode } from "./node.ts";
import type { Plant } from "./plant.ts";
import { World } from "./world.ts";

export interface SleeperOutcome {
  readonly seed: number;
  readonly violation: string | undefined;
  /** Another owner wrote while it slept. */
  readonly overtaken: boolean;
  /** Writes that an activation from before the sleep tried after another owner had written, and those accepted. */
  readonly tried: number;
  readonly accepted: number;
}

const id = "l0";
const sleepMs = 5 * limits.memberSuspicionMs;
const untilMs = 4_500;
const afterMs = 4_000;

export async function runSleeper(seed: number, plant: Plant = {}): Promise<SleeperOutcome> {
  let epochBefore = 0;
  let overtaken = false;
  let tried = 0;
  const counted: Plant = {
    ...plant,
    store: (opened, context) => {
      const inner = plant.store?.(opened, context) ?? opened;
      const append: Store["append"] = (stream, what, signal) => {
        const [write] = what.writes;
        if (overtaken && write?.key === ledgerKey(id) && (write.epoch ?? 0) <= epochBefore) tried++;
        return inner.append(stream, what, signal);
      };
      return { ...portOf(inner), append };
    },
  };
  const world = new World({ seed, plant: counted });
  const { time, checker } = world;
  const stop = (): boolean => checker.violation !== undefined;
  let sleeper: SimNode | undefined;
  let accepted = 0;
  checker.onCommit((key, record) => {
    if (key !== ledgerKey(id)) return;
    if (!sleeper) epochBefore = record.epoch;
    else if (record.epoch > epochBefore) overtaken = true;
    else if (overtaken) accepted++;
  });
  for (const node of world.nodes) node.boot();
  await time.run(1_500, stop);
  for (const caller of world.callers.slice(0, 2)) void caller.press(id, untilMs + sleepMs + afterMs / 2);
  await time.run(3_000 + world.chance("sleep").unit() * (untilMs - 3_000), stop);

  const members = world.node(0).running.view.members();
  const owner = ownerOf({ kind: "ledger", id }, members);
  const it = world.nodes.find(({ name }) => name === owner) ?? world.node(0);
  // Its last write does not get through, so that it sleeps with it in its hand, and tries it again when it wakes.
  it.faults.lostAppend = 1;
  await time.run(time.elapsedMs + 300, stop);
  sleeper = it;
  it.pause();
  it.faults.lostAppend = 0;
  await time.run(time.elapsedMs + sleepMs, stop);
  it.resume();
  await time.run(time.elapsedMs + afterMs, stop);
  return { seed, violation: checker.violation, overtaken, tried, accepted };
}
