/** What a Sidecar says of the way in: who is told of it anew, and that it narrows nobody. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Compiler } from "../../src/compile/compiler.ts";
import type { Sidecar } from "../../src/model/sidecar.ts";
import { recomputedBy, setObject, setWorkload, sidecar, sidecarObject } from "./mesh.ts";

const listen = { address: "127.0.0.1", port: 20_080 };
const server = sidecar("server", "default", {
  inbound: [{ name: "http", port: 80, appPort: 8080, protocol: "http", listen }],
});
const ingress: Partial<Sidecar> = {
  ingress: [{ port: 8080, protocol: "http", to: { kind: "loopback", version: 4, port: 9090 } }],
};

function meshWith(sidecars: readonly Parameters<typeof setObject>[0][]): Compiler {
  const compiler = new Compiler();
  compiler.update([setWorkload(server), setWorkload(sidecar("shopper", "shop")), ...sidecars.map(setObject)]);
  return compiler;
}

test("a Sidecar that is changed in what may be reached computes no workload's own items again", () => {
  const compiler = meshWith([sidecarObject(["./*"], ingress)]);
  const changed = sidecarObject(["*/*"], ingress);
  const recomputed = recomputedBy(compiler, () => compiler.update([setObject(changed)]));
  assert.deepEqual([recomputed["ways in"], recomputed.own], [1, undefined]);
});

test("a Sidecar that is changed in its ingress changes its own namespace's workloads alone", () => {
  const compiler = meshWith([sidecarObject(["./*"], ingress)]);
  const changed = sidecarObject(["./*"], { inboundPool: { maxConnections: 1 } });
  const changes = compiler.update([setObject(changed)]);
  assert.deepEqual(
    changes.map(({ layer, set, removed }) => [layer, set.map(({ name }) => name), removed.length]),
    [["own/server.default", ["inbound|8080||"], 0]],
  );
});

test("a Sidecar without egress narrows nobody, and leaves it to the wider one", () => {
  const { egress: _, ...alone } = sidecarObject([], { ...ingress, name: "alone", selector: { labels: server.labels } });
  const before = meshWith([]).layersOf(server);
  assert.deepEqual(meshWith([alone]).layersOf(server), before);

  const wide = sidecarObject(["./*"]);
  assert.deepEqual(meshWith([alone, wide]).layersOf(server), meshWith([wide]).layersOf(server));
});
