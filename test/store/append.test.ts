// Planning an append, and closing what a misbehaving store leaves open.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { limits } from "../../src/platform/limits.ts";
import { seededRandom, shortId } from "../../src/platform/random.ts";
import { judge, planAppend } from "../../src/store/append.ts";
import type { MemoryFaults } from "../../src/store/memory/faults.ts";
import { MemoryServer } from "../../src/store/memory/server.ts";
import { decodeRecord } from "../../src/store/record.ts";
import { resolveAppend } from "../../src/store/resolve.ts";
import type { LogEntry, OperationId, RecordKey, StoreRecord } from "../../src/store/store.ts";
import { ManualClock } from "../support/manual_clock.ts";

const key = "object.a" as RecordKey;
const operation = "op" as OperationId;
const record = (sequence: number, ...ids: string[]): StoreRecord => ({
  key,
  sequence,
  value: 1,
  operations: ids.map((id) => ({ id: id as OperationId, sequence })),
  epoch: 0,
});

test("a log too long for one record goes on in others, none over its limit, all changes in order", () => {
  const text = "x".repeat(100_000);
  const changes = Array.from({ length: 9 }, (_, n) => ({ key: `object.n${n}` as RecordKey, before: text, after: n }));
  const log: LogEntry = { who: "ana", what: "apply", atMs: 1, changes };
  const plan = planAppend({ operation, writes: [{ key, value: 1, seen: undefined }], log }, () => "01abc");
  assert.ok(plan.kind === "messages");
  const parts = plan.messages.slice(1);
  assert.deepEqual(
    parts.slice(0, 2).map((part) => part.key),
    ["log.01abc", "log.01abc-1"],
  );
  const read = parts.map((part) => {
    assert.ok(part.payload.length <= limits.logRecordBytes);
    assert.equal(part.expected, 0);
    const decoded = decodeRecord({ key: part.key, sequence: 1, appendEnd: 1, payload: part.payload }, "inc");
    assert.ok(decoded.kind === "record");
    return decoded.record.value as LogEntry;
  });
  assert.deepEqual(
    read.flatMap((each) => each.changes),
    changes,
  );
  assert.deepEqual([...new Set(read.map(({ who }) => who))], ["ana"]);
});

test("what a record proves about an operation", () => {
  const write = { key, value: 2, seen: record(4) };
  assert.deepEqual(judge(write, { operation }, record(6, "op")), { kind: "done", sequence: 6, earlier: true });
  assert.equal(judge(write, { operation }, record(6, "other"))?.kind, "refused");
  assert.equal(judge(write, { operation }, record(4, "other")), undefined, "unchanged: still open");
  assert.equal(judge(write, { operation }, record(3, "other")), undefined, "a leader that lags proves nothing");
  assert.equal(judge(write, { operation }, undefined), undefined);
  assert.equal(judge({ key, value: 2, seen: undefined }, { operation }, record(1, "other"))?.kind, "refused");
});

test("an append sent before is not refused by a record that may have forgotten it", () => {
  const write = { key, value: 2, seen: record(4) };
  const others = Array.from({ length: limits.operationsRemembered }, (_, n) => ({
    id: `other-${n}` as OperationId,
    sequence: 6 + n,
  }));
  const full = { ...record(90), operations: others };
  assert.equal(judge(write, { operation, again: true }, full)?.kind, "unknown");
  assert.equal(judge(write, { operation }, full)?.kind, "refused", "sent for the first time");
  const reaching = { ...full, operations: others.with(0, { id: "seen" as OperationId, sequence: 4 }) };
  assert.equal(judge(write, { operation, again: true }, reaching)?.kind, "refused", "nothing younger is forgotten");
});

test("property: whatever answers are lost or late, each operation is applied at most once, and done means applied", async () => {
  const share = fc.double({ min: 0, max: 0.4, noNaN: true });
  const faults: fc.Arbitrary<Partial<MemoryFaults>> = fc.record({
    latencyMs: fc.integer({ min: 0, max: 20 }),
    lostAnswer: share,
    lostAppend: share,
    lateCommit: share,
    lateCommitMs: fc.integer({ min: 1, max: 3_000 }),
    failedRead: share,
  });
  await fc.assert(
    fc.asyncProperty(fc.integer(), faults, async (seed, misbehaviour) => {
      const clock = new ManualClock();
      const random = seededRandom(seed);
      const server = new MemoryServer({ clock, random, faults: misbehaviour });
      const store = server.open();
      const applied = new Map<string, number>();
      store.tail("records", {
        batch: (entries) => {
          for (const { record } of entries) {
            const id = record.operations.at(-1)?.id ?? "";
            applied.set(id, (applied.get(id) ?? 0) + 1);
          }
        },
        reset: () => {},
        synced: () => {},
      });
      const { signal } = new AbortController();
      const options = { clock, random, signal };
      const done: string[] = [];
      const refused: string[] = [];
      const writer = async (): Promise<void> => {
        for (let n = 0; n < 5; n++) {
          const seen = await store.read("records", key).catch(() => undefined);
          const id = shortId(random, 20) as OperationId;
          const asked = { operation: id, writes: [{ key, value: id, seen }] };
          const outcome = await resolveAppend(store, "records", asked, options);
          (outcome.kind === "done" ? done : refused).push(id);
        }
      };
      let running = 3;
      const writers = Array.from({ length: running }, () => writer().finally(() => running--));
      for (let slice = 0; running > 0 && slice < 20_000; slice++) await clock.advance(10);
      await Promise.all(writers);
      await clock.advance(10_000);
      for (const id of done) assert.equal(applied.get(id), 1, `${id} was answered done`);
      for (const id of refused) assert.equal(applied.get(id), undefined, `${id} was answered refused`);
      await store.close();
    }),
    { numRuns: 40 },
  );
});
