import assert from "node:assert/strict";
import { test } from "node:test";
import { Nonces } from "../../src/certificates/attestation/nonces.ts";
import { limits } from "../../src/platform/limits.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { ManualClock } from "../support/manual_clock.ts";

test("when as many are spent as are remembered the next is refused, and room comes with time", async () => {
  const clock = new ManualClock();
  const nonces = new Nonces(clock, seededRandom(1));
  for (let i = 0; i < limits.attestNoncesSpent; i++) assert.equal(nonces.spend(`nonce-${i}`), "spent");

  const full = nonces.spend("one-more");
  await clock.advance(limits.attestNonceMs);
  const later = nonces.spend("one-more");

  assert.deepEqual([full, later], ["full", "spent"]);
});

test("a nonce with another end written into it is not this node's", () => {
  const clock = new ManualClock();
  const nonces = new Nonces(clock, seededRandom(1));
  const nonce = nonces.give("host-1");
  const [, ...rest] = nonce.split(".");

  assert.ok(nonces.holds(nonce, "host-1"));
  assert.ok(!nonces.holds([String(clock.monotonicMs() + 10 * limits.attestNonceMs), ...rest].join("."), "host-1"));
  assert.ok(!nonces.holds(`${nonce}.x`, "host-1"));
});
