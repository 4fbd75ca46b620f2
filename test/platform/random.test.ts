import assert from "node:assert/strict";
import { test } from "node:test";
import { systemRandom } from "../../src/platform/random.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("random bytes are never given out twice, also across many small requests", () => {
  const seen = new Set<string>();
  for (let count = 0; count < 20_000; count++) seen.add(hex(systemRandom.bytes(16)));
  assert.equal(seen.size, 20_000);
});

test("what was given out stays as it was, whatever is asked for later", () => {
  const given = [8, 16, 500, 512, 513, 10_000].map((length) => systemRandom.bytes(length));
  const before = given.map(hex);
  for (let count = 0; count < 1_000; count++) systemRandom.bytes(100);
  assert.deepEqual(given.map(hex), before);
  assert.deepEqual(
    given.map(({ length }) => length),
    [8, 16, 500, 512, 513, 10_000],
  );
  assert.ok(before.every((bytes) => !/^(00)+$/.test(bytes)));
});
