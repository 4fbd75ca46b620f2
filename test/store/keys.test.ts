// Keys are subjects: no name can reach outside its token, and two names are two keys.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Namespace } from "../../src/model/names.ts";
import { keyOf, streamNames, subjectOf } from "../../src/store/jetstream/names.ts";
import { escapeToken, shardPrefix, shardRecord } from "../../src/store/keys.ts";
import type { RecordKey } from "../../src/store/store.ts";

test("any name is one token of plain characters", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (name) => {
      assert.match(escapeToken(name), /^([a-z0-9_-]|=[0-9A-F]{2})+$|^=$/);
    }),
  );
});

test("two names that differ by more than their case are two tokens", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (one, other) => {
      assert.equal(escapeToken(one) === escapeToken(other), one.toLowerCase() === other.toLowerCase());
    }),
  );
});

test("a shard stands under its service and under its source", () => {
  const ref = { namespace: "default" as Namespace, name: "reviews" };
  const shard = shardRecord(ref, "agent:host.1", 0);
  assert.equal(shard, "endpoints.default.reviews.agent=3Ahost=2E1.0");
  assert.ok(shard.startsWith(`${shardPrefix(ref)}.`));
  assert.ok(shard.startsWith(`${shardPrefix(ref, "agent:host.1")}.`));
});

test("a subject carries cluster, stream and incarnation; another incarnation's is nobody's", () => {
  const { records } = streamNames("east");
  const subject = subjectOf(records, "inc1", "object.a" as RecordKey);
  assert.equal(subject, "weft.east.records.inc1.object.a");
  assert.equal(keyOf(records, "inc1", subject), "object.a");
  assert.equal(keyOf(records, "inc2", subject), undefined);
  for (const name of ["", "a.b", "a b", ">", "x".repeat(65)])
    assert.throws(() => streamNames(name), { code: "invalid" });
});
