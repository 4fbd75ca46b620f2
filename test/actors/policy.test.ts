// What refusals of two hosts mean for a version of an object, and what those of one do not.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type PolicyState, policy } from "../../src/actors/kinds/policy.ts";
import { limits } from "../../src/platform/limits.ts";

const versionAt = (sequence: number, incarnation = "i") => ({ incarnation, sequence });

interface Said {
  readonly host: string;
  readonly sequence?: number;
  readonly incarnation?: string;
  readonly atMs?: number;
}

function after(...words: readonly Said[]): PolicyState {
  return words.reduce((state: PolicyState, { host, sequence = 7, incarnation, atMs = 0 }) => {
    const version = versionAt(sequence, incarnation);
    const said = { type: "refused" as const, host, version, resource: "cluster cart", because: "no" };
    return policy.decide(state, said, { id: "object.x", nowMs: atMs }).state;
  }, policy.initial("object.x"));
}

test("two hosts quarantine a version; one does not, however often it says so", () => {
  assert.equal(after({ host: "a" }, { host: "a" }, { host: "a" }).quarantine, undefined);
  assert.deepEqual(after({ host: "a" }, { host: "b", atMs: 5 }).quarantine, {
    ...{ version: versionAt(7), hosts: ["a", "b"], sinceMs: 5, resource: "cluster cart", because: "no" },
  });
});

test("words on two versions do not add up, nor do those that are far apart in time", () => {
  assert.equal(after({ host: "a", sequence: 7 }, { host: "b", sequence: 9 }).quarantine, undefined);
  assert.equal(after({ host: "a" }, { host: "b", atMs: limits.refusalWindowMs }).quarantine, undefined);
});

test("a word on an older version, come late, undoes nothing", () => {
  const doubted = after({ host: "a", sequence: 9 });
  assert.deepEqual(after({ host: "a", sequence: 9 }, { host: "b", sequence: 7 }), doubted);
  const held = after({ host: "a", sequence: 9 }, { host: "b", sequence: 9 });
  assert.deepEqual(after({ host: "a", sequence: 9 }, { host: "b", sequence: 9 }, { host: "c", sequence: 7 }), held);
});

test("a newer version that is refused too takes the place of the one before, also in another store", () => {
  const first = [{ host: "a" }, { host: "b" }];
  assert.equal(after(...first, { host: "a", sequence: 9 }).quarantine?.version.sequence, 7);
  assert.equal(after(...first, { host: "a", sequence: 9 }, { host: "b", sequence: 9 }).quarantine?.version.sequence, 9);
  const anew = { sequence: 1, incarnation: "j" };
  assert.deepEqual(
    after(...first, { host: "a", ...anew }, { host: "b", ...anew }).quarantine?.version,
    versionAt(1, "j"),
  );
});
