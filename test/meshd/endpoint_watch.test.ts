import assert from "node:assert/strict";
import { test } from "node:test";
import type { EdgeCount } from "../../src/certificates/attestation/protocol.ts";
import { EndpointWatch, type Observed } from "../../src/meshd/hosts/endpoint_watch.ts";
import { settled } from "../support/manual_clock.ts";

const cluster = "outbound|80||web.default.svc.cluster.local";
const [good, bad] = ["10.0.0.1:80", "10.0.0.2:80"];

class Scene {
  readonly told: Observed[] = [];
  judged: readonly string[] = [];
  readonly known = new Map<string, string | undefined>([
    [good, "host-a"],
    [bad, "host-b"],
  ]);
  readonly watch = new EndpointWatch({
    endpoints: () => this.known,
    judged: () => this.judged,
    tell: async (observed) => void this.told.push(observed),
  });

  async says(failures: number, { observer = "host-c", active = 1, made = 0, starts = 1, of = cluster } = {}) {
    const edge = (
      endpoint: string,
      connectFailures: number,
      connections: number,
      activeConnections: number,
    ): EdgeCount => ({
      ...{ cluster: of, endpoint, requests: 0, errors: 0, activeConnections, connections, connectFailures },
    });
    const edges = [edge(good, 0, 5, active), edge(bad, failures, failures + made, made > 0 ? 1 : 0)];
    const inbound = { requests: 0, errors5xx: 0, denied: 0 };
    const proxy = {
      workload: "client.default",
      envoyPid: 1,
      envoyStarts: starts,
      warming: 0,
      edges,
      handshakes: {},
      inbound,
    };
    this.watch.heard(observer, { bundleSequence: 0, proxies: [proxy] });
    await settled();
    return this.told.splice(0);
  }
}

const service = { namespace: "default", name: "web" };

test("three connections in a row that fail are told; the same counts again are not", async () => {
  const scene = new Scene();
  assert.deepEqual(await scene.says(0), []);
  assert.deepEqual(await scene.says(2), []);

  const told = await scene.says(3);

  assert.deepEqual(told, [{ service, observer: "host-c", unreachable: [bad], reached: [], endpoints: 2 }]);
  assert.deepEqual(await scene.says(3), []);
});

test("what failed before this node heard of that Envoy says nothing", async () => {
  const scene = new Scene();

  assert.deepEqual(await scene.says(50), []);
  assert.deepEqual(await scene.says(52), []);
  assert.equal((await scene.says(53)).length, 1);
  assert.deepEqual(await scene.says(60, { starts: 2 }), []);
});

test("one connection that is made begins the count anew", async () => {
  const scene = new Scene();
  await scene.says(0);
  await scene.says(2);
  await scene.says(4, { made: 1 });

  assert.deepEqual(await scene.says(6, { made: 1 }), []);
  assert.equal((await scene.says(7, { made: 1 })).length, 1);
});

test("a proxy that reaches no other endpoint of the service blames nobody", async () => {
  const scene = new Scene();
  await scene.says(0, { active: 0 });

  assert.deepEqual(await scene.says(9, { active: 0 }), []);
});

test("the endpoint's own host is no witness, and what is no endpoint of the service is not told", async () => {
  const own = new Scene();
  await own.says(0, { observer: "host-b" });
  assert.deepEqual(await own.says(9, { observer: "host-b" }), []);

  const stranger = new Scene();
  stranger.known.delete(bad);
  await stranger.says(0);
  assert.deepEqual(await stranger.says(9), []);

  const elsewhere = new Scene();
  await elsewhere.says(0, { of: "outbound|80||web.example.com" });
  assert.deepEqual(await elsewhere.says(9, { of: "outbound|80||web.example.com" }), []);
});

test("an endpoint under a verdict is told as reached when a connection to it stands, and not accused again", async () => {
  const scene = new Scene();
  scene.judged = [bad];
  await scene.says(0);
  assert.deepEqual(await scene.says(5), []);

  const told = await scene.says(5, { made: 1 });

  assert.deepEqual(told, [{ service, observer: "host-c", unreachable: [], reached: [bad], endpoints: 2 }]);
});
