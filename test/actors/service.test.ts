import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { portsOf, type ServiceRequest, type ServiceState, service } from "../../src/actors/kinds/service.ts";
import type { ServicePort } from "../../src/model/endpoint.ts";
import { limits } from "../../src/platform/limits.ts";

const http: ServicePort = { name: "http", port: 80, protocol: "http" };
const tcp: ServicePort = { name: "tcp-db", port: 80, protocol: "tcp" };
const grpc: ServicePort = { name: "grpc", port: 9090, protocol: "grpc" };
const context = { id: "default/reviews", nowMs: 0 };
const empty: ServiceState = { format: 1, claims: [] };

function after(state: ServiceState, ...requests: readonly ServiceRequest[]): ServiceState {
  return requests.reduce((now, request) => service.decide(now, request, context).state, state);
}

const claim = (source: string, ...ports: readonly ServicePort[]): ServiceRequest => ({
  type: "claimPorts",
  source,
  ports,
});

test("a service's ports are the union of what its sources claim", () => {
  const state = after(empty, claim("agent-a", http), claim("agent-b", http, grpc));

  assert.deepEqual(portsOf(state.claims), [http, grpc]);
});

test("a claim that changes nothing is written when it may come again, so that its operation is remembered", () => {
  const state = after(empty, claim("agent-a", http));
  const same = { type: "claimPorts", source: "agent-a", ports: [http] } as const;
  const none = { type: "releaseSource", source: "agent-b" } as const;
  const asked: readonly (readonly [ServiceRequest, boolean])[] = [
    [same, false],
    [{ ...same, remember: true }, true],
    [none, false],
    [{ ...none, remember: true }, true],
  ];
  for (const [request, isWritten] of asked) {
    const turn = service.decide(state, request, context);
    // A turn is written when its state is another object.
    assert.equal(turn.state !== state, isWritten);
    assert.deepEqual(turn.state, state);
  }
});

test("a second protocol for a port is refused, names who was first, and leaves the old claim standing", () => {
  const state = after(empty, claim("agent-a", http), claim("agent-b", grpc));

  const turn = service.decide(state, claim("agent-b", grpc, tcp), context);

  assert.deepEqual(turn.reply, { kind: "conflict", port: 80, existing: "http", claimed: "tcp", by: "agent-a" });
  assert.equal(turn.state, state);
});

test("a claim that disagrees with itself is refused", () => {
  const { reply } = service.decide(empty, claim("agent-a", http, tcp), context);

  assert.equal(reply.kind, "conflict");
});

test("a source may change its own protocol when nobody else holds the port", () => {
  const state = after(empty, claim("agent-a", http), claim("agent-a", tcp));

  assert.deepEqual(portsOf(state.claims), [tcp]);
});

test("after its claimer released it, a port is free for another protocol", () => {
  const state = after(
    empty,
    claim("agent-a", http),
    { type: "releaseSource", source: "agent-a" },
    claim("agent-b", tcp),
  );

  assert.deepEqual(portsOf(state.claims), [tcp]);
});

test("the same claim again changes nothing, so nothing is written", () => {
  const state = after(empty, claim("agent-a", http, grpc));

  assert.equal(after(state, claim("agent-a", grpc, http)), state);
  assert.equal(after(state, { type: "releaseSource", source: "stranger" }), state);
});

test("more sources than a record holds are refused", () => {
  const sources = Array.from({ length: limits.serviceSources }, (_, index) => claim(`agent-${index}`, http));
  const state = after(empty, ...sources);

  const turn = service.decide(state, claim("one-more", http), context);

  assert.equal(turn.reply.kind, "full");
  assert.equal(turn.state, state);
});

test("a source's name may be anything, __proto__ too", () => {
  const state = after(empty, claim("__proto__", http), claim("constructor", grpc));

  assert.deepEqual(portsOf(state.claims), [http, grpc]);
});

test("whatever is claimed and released, no port ever has two protocols", () => {
  const port = fc.record({
    name: fc.constantFrom("a", "b"),
    port: fc.integer({ min: 1, max: 3 }),
    protocol: fc.constantFrom<ServicePort["protocol"]>("http", "tcp"),
  });
  const source = fc.constantFrom("x", "y", "z");
  const request: fc.Arbitrary<ServiceRequest> = fc.oneof(
    fc.record({ type: fc.constant("claimPorts" as const), source, ports: fc.array(port, { maxLength: 3 }) }),
    fc.record({ type: fc.constant("releaseSource" as const), source }),
  );
  fc.assert(
    fc.property(fc.array(request), (requests) => {
      const { claims } = after(empty, ...requests);
      const all = claims.flatMap(({ ports }) => ports);
      for (const one of all)
        assert.ok(all.every((other) => other.port !== one.port || other.protocol === one.protocol));
    }),
  );
});
