import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { limits } from "../../src/platform/limits.ts";
import { Rounds } from "../../src/xds/rounds.ts";
import { ManualClock, settled } from "../support/manual_clock.ts";

const many = Array.from({ length: 100 }, (_, i) => i);
const sliceMs = 7;
const apartMs = many.length * limits.xdsApartMs;

function world(serve?: (rounds: Rounds<number>, due: number) => void) {
  const clock = new ManualClock();
  const served: number[] = [];
  const rounds: Rounds<number> = new Rounds({
    clock,
    sliceMs: () => sliceMs,
    serve: (due) => {
      served.push(due);
      serve?.(rounds, due);
    },
  });
  const due = (items: readonly number[]): void => {
    for (const item of items) rounds.add(item);
  };
  return { clock, served, rounds, due };
}

describe("rounds", () => {
  test("begin at once, one after the other, while nobody answers with more to be sent", () => {
    const { rounds, served, due } = world();
    due(many);
    rounds.begin();
    assert.deepEqual(served.splice(0), many);
    due([1]);
    rounds.begin();
    assert.deepEqual(served, [1]);
  });

  test("of those who owe more when they answer are kept apart by what the last one cost, and serve each once", async () => {
    const { rounds, served, due, clock } = world();
    due(many);
    rounds.begin();
    served.length = 0;
    due([1]);
    rounds.beginApart();
    due([2, 1]);
    // A change: those to come join.
    rounds.begin();
    due([3]);
    await clock.advance(apartMs - 1);
    assert.deepEqual(served, []);
    await clock.advance(1);
    assert.deepEqual(served, [1, 2, 3]);
  });

  test("of few are not kept apart: the next comes in the event loop's next turn", async () => {
    const { rounds, served, due } = world();
    due([1]);
    rounds.begin();
    due([1]);
    rounds.beginApart();
    assert.deepEqual(served, [1]);
    await settled();
    assert.deepEqual(served, [1, 1]);
  });

  test("that last long are cut into slices, and whoever came due meanwhile is of the next", async () => {
    const again = [1];
    const { rounds, served, due, clock } = world((its) => {
      void clock.advance(sliceMs);
      for (const item of again.splice(0)) its.add(item);
    });
    due([1, 2, 3]);
    rounds.begin();
    assert.deepEqual(served, [1]);
    due([2]);
    for (let turn = 0; turn < 3; turn++) await settled();
    assert.deepEqual(served, [1, 2, 3, 1]);
  });

  test("go on when one's turn fails", async () => {
    const { rounds, served, due } = world((_its, item) => {
      if (item === 1) throw new Error("of this one alone");
    });
    due([1, 2]);
    assert.throws(() => rounds.begin(), /of this one alone/);
    await settled();
    due([3]);
    rounds.begin();
    assert.deepEqual(served, [1, 2, 3]);
  });

  test("forget who is gone, served or to be served", async () => {
    const { rounds, served, due, clock } = world((its, item) => its.delete(item + 1));
    due([1, 2, 3]);
    rounds.begin();
    assert.deepEqual(served, [1, 3]);
    due([4]);
    rounds.beginApart();
    rounds.delete(4);
    await clock.advance(1);
    await settled();
    assert.deepEqual(served, [1, 3]);
  });
});
