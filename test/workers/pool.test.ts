import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { fromBase64 } from "../../src/certificates/base64.ts";
import { makeKeyPair } from "../../src/certificates/key_pair.ts";
import { createSigningRequest } from "../../src/certificates/signing_request.ts";
import { verifySvidProfile } from "../../src/certificates/svid_profile.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { WeftError } from "../../src/platform/error.ts";
import { limits } from "../../src/platform/limits.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { WorkerPool } from "../../src/workers/pool.ts";
import { PoolSigner } from "../../src/workers/signer.ts";
import { spiffeId, trustChain } from "../certificates/fixtures.ts";

const entryOf = (name: string): URL => new URL(name, import.meta.url);

test("a batch longer than one message comes back signed, in the order it was asked for", async () => {
  const { issuer, bundle } = await trustChain(systemClock.nowMs());
  const pool = new WorkerPool({ log: silentLogger, threads: 2 });
  const signer = new PoolSigner(pool, systemClock);
  const keys = makeKeyPair();
  const csr = await createSigningRequest(keys);
  const names = Array.from({ length: limits.signBatch + 3 }, (_, index) => spiffeId(`workload-${index}`));

  const requests = names.map((name) => ({ spiffeId: name, csr }));
  const answers = await signer.signSvids(issuer, requests, 60_000);

  const issued = answers.map((answer) => (answer.kind === "issued" ? answer.svid : assert.fail(answer.message)));
  assert.deepEqual(
    issued.map((svid) => svid.spiffeId),
    names,
  );
  const chain = (issued[0]?.chain ?? []).map((der) => fromBase64(der) ?? assert.fail("not base64"));
  assert.deepEqual(await verifySvidProfile(chain, bundle, systemClock.nowMs()), []);
  const spki = new X509Certificate(chain[0] ?? "").publicKey.export({ type: "spki", format: "der" });
  assert.deepEqual(new Uint8Array(spki), new Uint8Array(keys.publicKey));
  await pool.close();
});

test("one bad CSR is refused in its place, the others are signed", async () => {
  const { issuer } = await trustChain(systemClock.nowMs());
  const pool = new WorkerPool({ log: silentLogger, threads: 1 });
  const signer = new PoolSigner(pool, systemClock);
  const good = await createSigningRequest(makeKeyPair());

  const requests = [good, new Uint8Array([1, 2, 3]), good].map((csr) => ({ spiffeId: spiffeId("x"), csr }));
  const answers = await signer.signSvids(issuer, requests, 60_000);

  assert.deepEqual(
    answers.map((answer) => (answer.kind === "refused" ? answer.code : answer.kind)),
    ["issued", "malformed", "issued"],
  );
  await pool.close();
});

test("when a worker dies its task is rejected as worth another try, and none is left waiting", async () => {
  const { issuer } = await trustChain(systemClock.nowMs());
  const pool = new WorkerPool({ log: silentLogger, threads: 1, entry: entryOf("./dying_worker.ts") });
  const task = { kind: "sign", issuer, requests: [], lifetimeMs: 60_000, nowMs: 0 } as const;

  const outcomes = await Promise.allSettled([pool.run(task), pool.run(task), pool.run(task)]);

  for (const outcome of outcomes) {
    assert.ok(outcome.status === "rejected" && outcome.reason instanceof WeftError);
    assert.equal(outcome.reason.retry, "later");
  }
  assert.equal(pool.counts().waiting, 0);
  await pool.close();
});

test("a worker that cannot even load rejects what waits instead of keeping it for ever", async () => {
  const { issuer } = await trustChain(systemClock.nowMs());
  const pool = new WorkerPool({ log: silentLogger, threads: 1, entry: entryOf("./no_such_worker.ts") });
  const task = { kind: "sign", issuer, requests: [], lifetimeMs: 60_000, nowMs: 0 } as const;

  const first = await Promise.allSettled([pool.run(task), pool.run(task)]);
  const second = await Promise.allSettled([pool.run(task)]);

  assert.deepEqual(
    [...first, ...second].map((outcome) => outcome.status),
    ["rejected", "rejected", "rejected"],
  );
  await pool.close();
});

test("a full queue refuses at once, retryably, and counts it", async () => {
  const { issuer } = await trustChain(systemClock.nowMs());
  const pool = new WorkerPool({ log: silentLogger, threads: 1, queue: 2 });
  const csr = await createSigningRequest(makeKeyPair());
  const requests = [{ spiffeId: spiffeId("x"), csr }];
  const task = { kind: "sign", issuer, requests, lifetimeMs: 60_000, nowMs: systemClock.nowMs() } as const;

  const outcomes = await Promise.allSettled([pool.run(task), pool.run(task), pool.run(task)]);

  const [, , third] = outcomes;
  assert.ok(third?.status === "rejected" && third.reason instanceof WeftError);
  assert.deepEqual([third.reason.code, third.reason.retry], ["overloaded", "later"]);
  assert.deepEqual(
    outcomes.slice(0, 2).map((outcome) => outcome.status),
    ["fulfilled", "fulfilled"],
  );
  assert.equal(pool.counts().refused, 1);
  await pool.close();
});
