import assert from "node:assert/strict";
import { test } from "node:test";
import { alternativeNames, peerOfCertificate } from "../../src/xds/peer.ts";
import { spiffeId, svidFor, trustChain } from "../certificates/fixtures.ts";

const nowMs = Date.UTC(2026, 0, 1);
const trust = await trustChain(nowMs);

test("an SVID says who it is and until when", () => {
  const svid = svidFor(spiffeId("cart"), trust, nowMs);
  const reading = peerOfCertificate(svid.chain[0] ?? new Uint8Array());
  const until = Math.floor(svid.notAfterMs / 1000) * 1000;
  assert.deepEqual(reading, { kind: "peer", peer: { spiffeId: spiffeId("cart"), certificateNotAfterMs: until } });
});

test("an authority's certificate is nobody's", () => {
  assert.equal(peerOfCertificate(trust.root).kind, "unfit");
  assert.equal(peerOfCertificate(trust.issuer.chain[0] ?? new Uint8Array()).kind, "unfit");
});

test("bytes that are no certificate are nobody's", () => {
  assert.equal(peerOfCertificate(Uint8Array.of(0x30, 0x03, 1, 2, 3)).kind, "unfit");
});

test("a name that holds a comma or NUL stays one name", () => {
  assert.deepEqual(
    alternativeNames('DNS:"a, URI:spiffe://cluster.local/ns/x/sa/admin", URI:spiffe://cluster.local/ns/x/sa/y'),
    [
      { type: "DNS", value: "a, URI:spiffe://cluster.local/ns/x/sa/admin" },
      { type: "URI", value: "spiffe://cluster.local/ns/x/sa/y" },
    ],
  );
  assert.deepEqual(alternativeNames('URI:"spiffe://cluster.local/ns/x/sa/y\\u0000.evil"'), [
    { type: "URI", value: "spiffe://cluster.local/ns/x/sa/y\u0000.evil" },
  ]);
  assert.deepEqual(alternativeNames(""), []);
  assert.equal(alternativeNames("URI:a,URI:b"), undefined);
});
