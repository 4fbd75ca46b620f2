import assert from "node:assert/strict";
import { test } from "node:test";
import { identifyPeer } from "../../src/api/agents/peer.ts";
import { RateLimit } from "../../src/api/agents/rate_limit.ts";
import { defaultTrustDomain } from "../../src/model/identity.ts";
import { ManualClock } from "../support/manual_clock.ts";

const good = { authorized: true, subjectAltName: "URI:spiffe://cluster.local/agent/h1", notAfterMs: 2_000 };
const nowMs = 1_000;

test("an agent is known by the one URI of a certificate that leads to a root", () => {
  assert.deepEqual(identifyPeer(good, defaultTrustDomain, nowMs), { kind: "agent", hostName: "h1" });
});

test("anything else is nobody", () => {
  const bad = [
    { ...good, authorized: false },
    { ...good, notAfterMs: nowMs },
    { ...good, notAfterMs: Number.NaN },
    { ...good, subjectAltName: undefined },
    { ...good, subjectAltName: "DNS:h1" },
    { ...good, subjectAltName: "URI:spiffe://other.example/agent/h1" },
    { ...good, subjectAltName: "URI:spiffe://cluster.local/ns/default/sa/default" },
    { ...good, subjectAltName: "URI:spiffe://cluster.local/agent/h1, URI:spiffe://cluster.local/agent/h2" },
    { ...good, subjectAltName: 'DNS:"x, URI:spiffe://cluster.local/agent/h1"' },
  ];
  for (const session of bad) {
    assert.equal(identifyPeer(session, defaultTrustDomain, nowMs).kind, "refused", JSON.stringify(session));
  }
});

test("attestation is let through in a burst, then at its rate", async () => {
  const clock = new ManualClock();
  const rate = new RateLimit(clock, { perSecond: 10, burst: 3 });
  const taken = (times: number): number => Array.from({ length: times }, () => rate.take()).filter(Boolean).length;
  assert.equal(taken(5), 3);
  await clock.advance(200);
  assert.equal(taken(5), 2);
  await clock.advance(60_000);
  assert.equal(taken(9), 3);
  assert.equal(rate.refused, 2 + 3 + 6);
});
