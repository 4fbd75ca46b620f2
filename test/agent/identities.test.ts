// Workloads' keys and SVIDs under a clock that the test moves.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Identities, type Identity } from "../../src/agent/identities.ts";
import { Registration } from "../../src/agent/registration.ts";
import type { SvidReply, SvidRequest, WorkloadSet } from "../../src/certificates/attestation/protocol.ts";
import { makeKeyPair } from "../../src/certificates/key_pair.ts";
import { readSigningRequest } from "../../src/certificates/signing_request.ts";
import { issuedForm, issueSvid } from "../../src/certificates/svid.ts";
import { defaultNamespace, type WorkloadName, workloadName } from "../../src/model/names.ts";
import { WeftError } from "../../src/platform/error.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { seededRandom, systemRandom } from "../../src/platform/random.ts";
import { spiffeId, trustChain } from "../certificates/fixtures.ts";
import { ManualClock, settled } from "../support/manual_clock.ts";

const lifetimeMs = 60_000;
const a = workloadName("a", defaultNamespace);
const b = workloadName("b", defaultNamespace);

async function node() {
  const clock = new ManualClock();
  const chain = await trustChain(clock.nowMs());
  const requests: SvidRequest[] = [];
  const answered: SvidReply[] = [];
  const issued: [WorkloadName, Identity][] = [];
  const mood: { broken: boolean; wrongKey: boolean } = { broken: false, wrongKey: false };
  const request = async (body: SvidRequest): Promise<SvidReply> => {
    requests.push(body);
    if (mood.broken) throw new WeftError({ code: "unavailable", retry: "later", attempted: "sign", because: "broken" });
    const replies = body.requests.map(async ({ workload, csr }) => {
      const read = readSigningRequest(Buffer.from(csr, "base64"));
      assert.ok(read.kind === "good");
      const publicKey = mood.wrongKey ? makeKeyPair().publicKey : read.publicKey;
      const order = { spiffeId: spiffeId("default"), publicKey, lifetimeMs };
      return { workload, svid: issuedForm(await issueSvid(order, chain.issuer, clock.nowMs(), systemRandom)) };
    });
    const reply = { issued: await Promise.all(replies), refused: [] };
    answered.push(reply);
    return reply;
  };
  const identities = new Identities({
    ...{ clock, random: seededRandom(7), log: silentLogger },
    request,
    issued: (workload, identity) => issued.push([workload, identity]),
  });
  return { clock, identities, requests, answered, issued, mood };
}

/** Keys and requests are made on other threads, which no clock moves. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await settled();
}

test("workloads that come together are asked for in one call, each with a key of its own", async () => {
  const { identities, requests, issued } = await node();
  identities.add(a);
  identities.add(b);
  await until(() => issued.length === 2);
  assert.equal(requests.length, 1);
  assert.deepEqual(
    issued.map(([workload]) => workload),
    [a, b],
  );
  assert.notEqual(issued[0]?.[1].keyPem, issued[1]?.[1].keyPem);
  assert.match(issued[0]?.[1].serial ?? "", /^[0-9a-f]+$/);
});

test("renewed between 45 and 55 % of the life, under a new key; not after the workload is gone", async () => {
  const { clock, identities, issued, requests } = await node();
  identities.add(a);
  await until(() => issued.length === 1);
  await clock.advance(lifetimeMs * 0.44);
  assert.equal(requests.length, 1);
  await clock.advance(lifetimeMs * 0.12);
  await until(() => issued.length === 2);
  assert.notEqual(issued[0]?.[1].keyPem, issued[1]?.[1].keyPem);
  identities.remove(a);
  await clock.advance(lifetimeMs);
  assert.equal(requests.length, 2);
});

test("a node that fails is asked again, at least every two seconds, until it answers", async () => {
  const { clock, identities, requests, issued, mood } = await node();
  mood.broken = true;
  identities.add(a);
  for (let tries = 0; tries < 10; tries++) {
    const before = requests.length;
    await clock.advance(2_000);
    await until(() => requests.length > before);
    // What the failure leads to.
    await settled();
  }
  mood.broken = false;
  await clock.advance(2_000);
  await until(() => issued.length === 1);
});

test("a certificate for another key is not taken", async () => {
  const { clock, identities, issued, answered, mood } = await node();
  mood.wrongKey = true;
  identities.add(a);
  await until(() => answered.length === 1);
  assert.equal(issued.length, 0);
  mood.wrongKey = false;
  await settled();
  await clock.advance(2_000);
  await until(() => issued.length === 1);
});

test("registration: changes during a call go together in the next, and each waits for a set with it in", async () => {
  const sent: WorkloadSet[] = [];
  const answers: ((value: undefined) => void)[] = [];
  let workloads: WorkloadSet["workloads"] = [];
  const registration = new Registration({
    ...{ clock: new ManualClock(), random: seededRandom(1), log: silentLogger },
    signal: new AbortController().signal,
    current: () => ({ workloads }),
    async put(set) {
      sent.push(set);
      await new Promise<undefined>((resolve) => answers.push(resolve));
      return { revision: String(sent.length), endpointsToken: "", refused: [] };
    },
  });
  const first = registration.tell();
  await settled();
  workloads = [];
  const second = registration.tell();
  const third = registration.tell();
  answers.shift()?.(undefined);
  assert.equal((await first).revision, "1");
  await settled();
  answers.shift()?.(undefined);
  assert.deepEqual(
    (await Promise.all([second, third])).map(({ revision }) => revision),
    ["2", "2"],
  );
  assert.equal(sent.length, 2);
});
