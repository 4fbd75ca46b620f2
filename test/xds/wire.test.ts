/** Our hand-written bytes against the generated types. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
} from "#envoy/envoy/service/discovery/v3/discovery_pb.js";
import { encodeDelta, messageOf } from "../../src/xds/frame.ts";
import { DeltaRequests, decodeDeltaRequest } from "../../src/xds/request.ts";
import { firstStep } from "../../src/xds/step.ts";
import { typeUrls } from "../../src/xds/type_url.ts";

const text = fc.string({ unit: "grapheme", maxLength: 200 });

test("a response is what the generated type reads", () => {
  const value = fc.uint8Array({ maxLength: 20_000 });
  const resources = fc.array(fc.record({ name: text, version: text, value }), { maxLength: 5 });
  fc.assert(
    fc.property(
      resources,
      fc.array(text, { maxLength: 4 }),
      fc.stringMatching(/^[0-9]{1,9}$/),
      (made, removed, nonce) => {
        const items = made.map((resource) => ({
          resource: { type: "cluster" as const, asksFor: [], ...resource },
          step: firstStep,
          slice: undefined,
        }));
        const bytes = messageOf(encodeDelta({ typeUrl: typeUrls.cluster, nonce, version: "7-8", items, removed }));
        const read = fromBinary(DeltaDiscoveryResponseSchema, bytes);
        assert.equal(read.nonce, nonce);
        assert.equal(read.systemVersionInfo, "7-8");
        assert.equal(read.typeUrl, typeUrls.cluster);
        assert.deepEqual(read.removedResources, removed);
        const seen = read.resources.map(({ name, version, resource }) => [
          name,
          version,
          resource?.typeUrl,
          resource?.value,
        ]);
        const expected = made.map((one) => [one.name, one.version, typeUrls.cluster, new Uint8Array(one.value)]);
        assert.deepEqual(
          seen.map(([name, version, url, body]) => [name, version, url, new Uint8Array(body as Uint8Array)]),
          expected,
        );
      },
    ),
  );
});

test("a request is read as the generated type wrote it", () => {
  const request = fc.record({
    typeUrl: text,
    resourceNamesSubscribe: fc.array(text, { maxLength: 4 }),
    resourceNamesUnsubscribe: fc.array(text, { maxLength: 4 }),
    initialResourceVersions: fc.dictionary(text, text, { maxKeys: 4, noNullPrototype: true }),
    responseNonce: text,
    error: fc.option(text, { nil: undefined }),
    nodeId: fc.option(text, { nil: undefined }),
  });
  fc.assert(
    fc.property(request, ({ error, nodeId, ...made }) => {
      const message = create(DeltaDiscoveryRequestSchema, {
        ...made,
        ...(error !== undefined && { errorDetail: { code: 13, message: error } }),
        ...(nodeId !== undefined && { node: { id: nodeId, metadata: { NAMESPACE: "shop" } } }),
      });
      const read = decodeDeltaRequest(toBinary(DeltaDiscoveryRequestSchema, message));
      assert.equal(read.typeUrl, made.typeUrl);
      assert.deepEqual([...read.subscribe], made.resourceNamesSubscribe);
      assert.deepEqual([...read.unsubscribe], made.resourceNamesUnsubscribe);
      assert.deepEqual([...read.initialVersions].sort(), Object.entries(made.initialResourceVersions).sort());
      assert.equal(read.nonce, made.responseNonce);
      assert.equal(read.error, error);
      assert.equal(read.node?.id, nodeId);
    }),
  );
});

test("bytes that are no request are refused, not misread", () => {
  for (const bytes of [[0x0a, 0xff], [0x12, 0x05, 0x61], [0x07], [0x1a, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]]) {
    assert.throws(() => decodeDeltaRequest(Uint8Array.from(bytes)));
  }
});

test("a request that was cut off is refused exactly where the generated type refuses it", () => {
  const message = create(DeltaDiscoveryRequestSchema, {
    node: { id: "web-1" },
    typeUrl: typeUrls.endpoints,
    resourceNamesSubscribe: ["a", "b"],
    initialResourceVersions: { a: "1", b: "2" },
    responseNonce: "7",
    errorDetail: { code: 13, message: "no" },
  });
  const whole = toBinary(DeltaDiscoveryRequestSchema, message);
  const isRead = (read: () => unknown): boolean => {
    try {
      read();
      return true;
    } catch {
      return false;
    }
  };
  for (let length = 0; length <= whole.length; length++) {
    const part = whole.slice(0, length);
    const expected = isRead(() => fromBinary(DeltaDiscoveryRequestSchema, part));
    assert.equal(
      isRead(() => decodeDeltaRequest(part)),
      expected,
      `${length} of ${whole.length} bytes`,
    );
  }
});

test("requests of the same bytes are one request, but for those that carry a node", () => {
  const requests = new DeltaRequests();
  const names = Array.from({ length: 200 }, (_, n) => `outbound|80||svc-${n}.default.svc.cluster.local`);
  const bytesOf = (init: MessageInitShape<typeof DeltaDiscoveryRequestSchema>): Buffer =>
    Buffer.from(toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, init)));
  const said = { typeUrl: typeUrls.endpoints, resourceNamesSubscribe: names };
  const first = requests.decode(bytesOf(said));
  assert.deepEqual(first.subscribe, names);
  assert.equal(requests.decode(bytesOf(said)), first);
  const other = requests.decode(bytesOf({ ...said, resourceNamesSubscribe: [...names, "more"] }));
  assert.equal(other.subscribe.length, 201);
  const withNode = bytesOf({ ...said, node: { id: "a.default" } });
  assert.notEqual(requests.decode(withNode), requests.decode(withNode));
});
