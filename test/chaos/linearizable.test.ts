// The checker that judges the chaos scenarios is itself judged here: by histories that must pass, by histories that must
// not, and by random runs of a real register, whole and with one answer falsified.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { checkLinearizable, type Recorded } from "../support/linearizable.ts";
import { type ObjectAction, type ObjectState, objectModel } from "../support/object_history.ts";

type Entry = Recorded<ObjectAction>;

const read = (calledMs: number, answeredMs: number, generation: number, value: string): Entry => ({
  action: { kind: "read", saw: { generation, value } },
  calledMs,
  answeredMs,
});
const swap = (calledMs: number, answeredMs: number | undefined, expected: number, value: string): Entry => ({
  action: { kind: "swap", expected, value },
  calledMs,
  answeredMs,
});
const refused = (calledMs: number, answeredMs: number, expected: number): Entry => ({
  action: { kind: "refused swap", expected },
  calledMs,
  answeredMs,
});

const judge = (...history: readonly Entry[]): string => checkLinearizable(history, objectModel).kind;

describe("histories that have an order", () => {
  test("one after the other", () => {
    assert.equal(judge(read(0, 1, 0, ""), swap(2, 3, 0, "a"), read(4, 5, 1, "a"), swap(6, 7, 1, "b")), "linearizable");
  });

  test("of two reads during a write, either may come first", () => {
    assert.equal(judge(swap(0, 10, 0, "a"), read(1, 2, 0, ""), read(3, 4, 1, "a")), "linearizable");
  });

  test("of two that swap the same generation at once, one is refused", () => {
    assert.equal(judge(swap(0, 10, 0, "a"), refused(0, 5, 0)), "linearizable");
  });

  test("a write of unknown outcome may have happened, late, or not at all", () => {
    assert.equal(judge(swap(0, undefined, 0, "a"), read(1, 2, 0, ""), read(50, 51, 1, "a")), "linearizable");
    assert.equal(judge(swap(0, undefined, 0, "a"), swap(1, 2, 0, "b"), read(50, 51, 1, "b")), "linearizable");
  });
});

describe("histories that have none", () => {
  test("an acknowledged write is lost", () => {
    assert.equal(judge(swap(0, 1, 0, "a"), read(2, 3, 0, "")), "violated");
  });

  test("a read goes back behind an earlier one", () => {
    assert.equal(judge(swap(0, 10, 0, "a"), read(1, 2, 1, "a"), read(3, 4, 0, "")), "violated");
  });

  test("two swaps of one generation are both acknowledged", () => {
    assert.equal(judge(swap(0, 10, 0, "a"), swap(0, 10, 0, "b")), "violated");
  });

  test("a write is applied twice: the generation is one too many", () => {
    assert.equal(judge(swap(0, 1, 0, "a"), read(2, 3, 2, "a")), "violated");
  });

  test("a swap is refused although nothing else was written", () => {
    assert.equal(judge(refused(0, 1, 0)), "violated");
    assert.equal(judge(swap(0, 1, 0, "a"), refused(2, 3, 1), swap(4, 5, 1, "b")), "violated");
  });

  test("a write of unknown outcome takes effect before it was called, or twice", () => {
    assert.equal(judge(read(0, 1, 1, "a"), swap(2, undefined, 0, "a")), "violated");
    const returns = [swap(0, undefined, 0, "a"), read(1, 2, 1, "a"), swap(3, 4, 1, "b"), read(5, 6, 1, "a")];
    assert.equal(judge(...returns), "violated");
  });

  test("what is reported is where the longest order ends", () => {
    const verdict = checkLinearizable([swap(0, 1, 0, "a"), read(2, 3, 1, "a"), read(4, 5, 0, "")], objectModel);
    assert.equal(verdict.kind, "violated");
    if (verdict.kind !== "violated") return;
    assert.deepEqual([verdict.ordered, verdict.state.value, verdict.stuck.length], [2, "a", 1]);
  });
});

interface Planned {
  readonly client: number;
  readonly what: "read" | "swap" | "stale swap";
  /** From the call to the effect, and from there to the answer. */
  readonly tookMs: readonly [number, number];
  readonly lost: boolean;
}

const planned = fc.record<Planned>({
  client: fc.nat(4),
  what: fc.constantFrom("read", "swap", "stale swap"),
  tookMs: fc.tuple(fc.nat(30), fc.nat(30)),
  lost: fc.boolean(),
});

/** What clients of a true register record: each one operation after the other, its effect at one moment inside. */
function run(plan: readonly Planned[]): Entry[] {
  const clocks = [0, 1, 2, 3, 4];
  const moments = plan.map(({ client, what, tookMs: [there, back], lost }, id) => {
    const calledMs = clocks[client] ?? 0;
    const effectMs = calledMs + there + 0.5;
    clocks[client] = effectMs + back + 0.5;
    return { what, lost, id, calledMs, effectMs, answeredMs: clocks[client] ?? 0 };
  });
  let state: ObjectState = objectModel.initial;
  const entries: Entry[] = [];
  for (const { what, lost, id, calledMs, answeredMs } of moments.sort((a, b) => a.effectMs - b.effectMs)) {
    if (what === "read") {
      entries.push({ action: { kind: "read", saw: state }, calledMs, answeredMs });
      continue;
    }
    const expected = state.generation - (what === "stale swap" ? 1 : 0);
    if (expected === state.generation) {
      state = { generation: state.generation + 1, value: `v${id}` };
      entries.push(swap(calledMs, lost ? undefined : answeredMs, expected, `v${id}`));
    } else {
      entries.push(lost ? swap(calledMs, undefined, expected, `v${id}`) : refused(calledMs, answeredMs, expected));
    }
  }
  return entries;
}

describe("a register that is one", () => {
  test("whatever its clients record has an order", () => {
    fc.assert(
      fc.property(fc.array(planned, { maxLength: 60 }), (plan) => {
        assert.equal(checkLinearizable(run(plan), objectModel).kind, "linearizable");
      }),
      { numRuns: 200 },
    );
  });

  test("one answer falsified to a state that never was has none", () => {
    fc.assert(
      fc.property(fc.array(planned, { minLength: 1, maxLength: 60 }), fc.nat(), (plan, which) => {
        const history = run(plan);
        const at = which % history.length;
        const { calledMs, answeredMs } = history[at] ?? read(0, 1, 0, "");
        const forged = read(calledMs, answeredMs ?? calledMs + 1, 1, "never written");
        assert.equal(checkLinearizable(history.with(at, forged), objectModel).kind, "violated");
      }),
      { numRuns: 200 },
    );
  });

  test("the verdict is that of trying every order", () => {
    fc.assert(
      fc.property(fc.array(planned, { maxLength: 6 }), fc.nat(), fc.nat(3), (plan, which, generation) => {
        const history = run(plan);
        const at = which % Math.max(history.length, 1);
        const { calledMs, answeredMs } = history[at] ?? read(0, 1, 0, "");
        const value = `v${which % 6}`;
        const forged =
          history.length === 0 ? [] : history.with(at, read(calledMs, answeredMs ?? 90, generation, value));
        assert.equal(checkLinearizable(forged, objectModel).kind === "linearizable", hasOrder(forged));
      }),
      { numRuns: 500 },
    );
  });

  test("thousands of operations of ten clients are judged in seconds", () => {
    const plan = Array.from({ length: 6_000 }, (_, id): Planned => {
      const what = (["read", "swap", "stale swap"] as const)[(id * 7) % 3] ?? "read";
      return { client: id % 5, what, tookMs: [(id * 13) % 29, (id * 17) % 31], lost: id % 23 === 0 };
    });
    assert.equal(checkLinearizable(run(plan), objectModel).kind, "linearizable");
  });
});

/** By trying all orders, without any cleverness. */
function hasOrder(left: readonly Entry[], state: ObjectState = objectModel.initial): boolean {
  if (left.every(({ answeredMs }) => answeredMs === undefined)) return true;
  const endsMs = Math.min(...left.flatMap(({ answeredMs }) => answeredMs ?? []));
  return left.some((entry, at) => {
    if (entry.calledMs > endsMs) return false;
    const after = objectModel.apply(state, entry.action);
    return after !== undefined && hasOrder(left.toSpliced(at, 1), after);
  });
}
