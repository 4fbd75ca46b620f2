// The envelope: what is written is read, what is not known is kept, what is broken is said and thrown at nobody.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Packr } from "msgpackr";
import { limits } from "../../src/platform/limits.ts";
import { decodeRecord, encodeRecord } from "../../src/store/record.ts";
import type { OperationId, RecordKey, StoreRecord } from "../../src/store/store.ts";

const key = "object.a" as RecordKey;
const operation = "op-1" as OperationId;
const packr = new Packr({ useRecords: false });

function decode(payload: Uint8Array, sequence = 5, appendEnd = sequence): StoreRecord {
  const decoded = decodeRecord({ key, sequence, appendEnd, payload }, "inc");
  assert.ok(decoded.kind === "record", JSON.stringify(decoded));
  return decoded.record;
}

test("any JSON value comes back as it was, but for fields named __proto__, which no parser lets in", () => {
  const values = fc.jsonValue().filter((value) => !JSON.stringify(value).includes('"__proto__"'));
  fc.assert(
    fc.property(values, (value) => {
      const record = decode(encodeRecord({ key, value, seen: undefined }, operation));
      assert.deepEqual(JSON.parse(JSON.stringify(record.value)), JSON.parse(JSON.stringify(value)));
    }),
  );
});

test("a value never reaches the prototype", () => {
  const value = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}');
  const record = decode(encodeRecord({ key, value, seen: undefined }, operation));
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
  assert.equal(Object.getPrototypeOf(record.value), Object.prototype);
  assert.equal((record.value as Record<string, unknown>).polluted, undefined);
});

test("an operation's result is the end of its append", () => {
  const record = decode(encodeRecord({ key, value: 1, seen: undefined }, operation), 5, 9);
  assert.deepEqual(record.operations, [{ id: operation, sequence: 9 }]);
});

test("operations are remembered up to the limit, the oldest forgotten first", () => {
  let seen: StoreRecord | undefined;
  for (let n = 1; n <= limits.operationsRemembered + 5; n++) {
    seen = decode(encodeRecord({ key, value: n, seen }, `op-${n}` as OperationId), n);
  }
  assert.equal(seen?.operations.length, limits.operationsRemembered);
  assert.deepEqual(seen?.operations.at(0), { id: "op-6", sequence: 6 });
  assert.deepEqual(seen?.operations.at(-1), { id: "op-37", sequence: 37 });
});

test("fields of a newer version are carried on by an older one that rewrites the record", () => {
  const newer = packr.pack({ f: 1, v: { a: 1 }, o: [], i: "op-0", e: 2, placement: { zone: "z" } });
  const seen = decode(newer);
  const rewritten = packr.unpack(encodeRecord({ key, value: { a: 2 }, seen }, operation, 1));
  assert.deepEqual(rewritten.placement, { zone: "z" });
  assert.deepEqual([rewritten.v, rewritten.e], [{ a: 2 }, 2]);
});

test("bytes that are no envelope of a known format are said to be so", () => {
  const good = { f: 1, v: 1, o: [], i: "op", e: 0 };
  const broken: Uint8Array[] = [
    new Uint8Array(),
    new Uint8Array([0xc1]),
    packr.pack([1, 2]),
    packr.pack(null),
    packr.pack({ ...good, f: 2 }),
    packr.pack({ ...good, o: [["id"]] }),
    packr.pack({ ...good, o: "none" }),
    packr.pack({ ...good, i: 7 }),
    packr.pack({ f: 1, v: 1 }),
    encodeRecord({ key, value: "x".repeat(100), seen: undefined }, operation).subarray(0, 40),
  ];
  for (const payload of broken) {
    const decoded = decodeRecord({ key, sequence: 1, appendEnd: 1, payload }, "inc");
    assert.equal(decoded.kind, "undecodable", Buffer.from(payload).toString("hex"));
  }
});

test("a bit that was flipped after the writer is seen, wherever it is", () => {
  const payload = encodeRecord({ key, value: { weight: 90 }, seen: undefined }, operation);
  for (let bit = 0; bit < 8 * payload.length; bit++) {
    const at = bit >> 3;
    const flipped = Uint8Array.from(payload).with(at, (payload[at] ?? 0) ^ (1 << (bit & 7)));
    const decoded = decodeRecord({ key, sequence: 1, appendEnd: 1, payload: flipped }, "inc");
    assert.equal(decoded.kind, "undecodable", `bit ${bit}`);
  }
});

test("both formats are read, and say the same", () => {
  const write = { key, value: { a: [1, "x"] }, seen: undefined, epoch: 3 };
  assert.deepEqual(decode(encodeRecord(write, operation, 1)), decode(encodeRecord(write, operation, 2)));
});

test("arbitrary bytes never throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (payload) => {
      decodeRecord({ key, sequence: 1, appendEnd: 1, payload }, "inc");
    }),
  );
});
