import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ServiceRequest, type ServiceState, service, unreachableIn } from "../../src/actors/kinds/service.ts";
import { limits } from "../../src/platform/limits.ts";

const empty: ServiceState = { format: 1, claims: [] };
const nowMs = 1_000_000;
const bad = "10.0.0.1:80";

interface Word {
  readonly observer?: string;
  readonly unreachable?: readonly string[];
  readonly reached?: readonly string[];
  readonly endpoints?: number;
}

function word({ observer = "h1", unreachable = [], reached = [], endpoints = 4 }: Word): ServiceRequest {
  return { type: "observed", observer, unreachable, reached, endpoints };
}

function after(state: ServiceState, request: ServiceRequest, atMs = nowMs): ServiceState {
  return service.decide(state, request, { id: "default/web", nowMs: atMs }).state;
}

const cannot = (observer: string, ...unreachable: readonly string[]) => word({ observer, unreachable });
const condemned = (): ServiceState => after(after(empty, cannot("h1", bad)), cannot("h2", bad));

test("one host's word is no verdict, however often it is said; two hosts' is", () => {
  const once = after(empty, cannot("h1", bad));
  const again = after(once, cannot("h1", bad));

  assert.deepEqual(unreachableIn(again), []);
  assert.equal(again, once);
  assert.deepEqual(unreachableIn(after(again, cannot("h2", bad))), [bad]);
});

test("two words that lie too far apart are two single words", () => {
  const once = after(empty, cannot("h1", bad));

  assert.deepEqual(unreachableIn(after(once, cannot("h2", bad), nowMs + limits.verdictWindowMs)), []);
});

test("a verdict that stands is not written again", () => {
  const state = condemned();

  assert.equal(after(state, cannot("h3", bad)), state);
});

test("verdicts never take more than half of the endpoints", () => {
  const all = ["a:1", "b:1", "c:1"];
  const state = after(after(empty, cannot("h1", ...all)), cannot("h2", ...all));

  assert.deepEqual(unreachableIn(state), ["a:1", "b:1"]);
  const alone = word({ observer: "h2", unreachable: [bad], endpoints: 1 });
  assert.deepEqual(unreachableIn(after(after(empty, cannot("h1", bad)), alone)), []);
});

test("a host that reaches it ends a verdict, and takes its own word back", () => {
  assert.deepEqual(unreachableIn(after(condemned(), word({ observer: "h3", reached: [bad] }))), []);

  const taken = after(after(empty, cannot("h1", bad)), word({ observer: "h1", reached: [bad] }));
  assert.deepEqual(unreachableIn(after(taken, cannot("h2", bad))), []);
});

test("a verdict ends by itself, the record says when, and the next one lasts twice as long", () => {
  const state = condemned();
  const endMs = nowMs + limits.verdictMs;
  assert.equal(service.dueAtMs(state), endMs);
  assert.equal(after(state, { type: "wake" }, endMs - 1), state);

  const ended = after(state, { type: "wake" }, endMs);
  assert.deepEqual(unreachableIn(ended), []);
  const again = after(after(ended, cannot("h1", bad), endMs), cannot("h2", bad), endMs);
  assert.deepEqual(unreachableIn(again), [bad]);
  assert.equal(service.dueAtMs(again), endMs + 2 * limits.verdictMs);
});

test("what was over for long is forgotten, and nothing is due any more", () => {
  const state = condemned();
  const ended = after(state, { type: "wake" }, nowMs + limits.verdictMs);
  const forgotten = after(ended, { type: "wake" }, nowMs + limits.verdictMs + limits.verdictLongestMs);

  assert.deepEqual([forgotten.verdicts, forgotten.reports], [[], []]);
  assert.equal(service.dueAtMs(forgotten), undefined);
});

test("a record of before there were verdicts is read, and one with them is read as it was", () => {
  assert.deepEqual(service.decodeState({ format: 1, claims: [] }, "state"), empty);
  assert.deepEqual(service.decodeState(JSON.parse(JSON.stringify(condemned())), "state"), condemned());
});

test("whatever is said: a verdict takes two hosts, never more than half, and its record can be read", () => {
  const endpoints = ["a:1", "b:1", "c:1", "d:1", "e:1"];
  const some = fc.subarray(endpoints);
  const said = fc.record({ observer: fc.constantFrom("h1", "h2", "h3"), unreachable: some, reached: some });
  fc.assert(
    fc.property(fc.array(fc.tuple(said, fc.nat(40_000)), { maxLength: 30 }), (words) => {
      let state = empty;
      let atMs = nowMs;
      const accusers = new Map<string, Set<string>>();
      for (const [one, laterMs] of words) {
        atMs += laterMs;
        state = after(after(state, { type: "wake" }, atMs), word({ ...one, endpoints: 5 }), atMs);
        for (const name of one.unreachable) accusers.set(name, (accusers.get(name) ?? new Set()).add(one.observer));
        const bad = unreachableIn(state);
        assert.ok(bad.length <= 2);
        for (const name of bad) assert.ok((accusers.get(name)?.size ?? 0) >= 2);
      }
      service.decodeState(JSON.parse(JSON.stringify(state)), "state");
    }),
  );
});
