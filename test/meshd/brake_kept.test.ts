/** A node's own file of the endpoints that are held. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { KeptShards } from "../../src/meshd/brake/kept.ts";
import type { MeshRecord } from "../../src/meshd/mesh_record.ts";
import { limits } from "../../src/platform/limits.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { StateDirectory } from "../../src/platform/state_directory.ts";
import { shardRecord } from "../../src/store/keys.ts";
import type { RecordKey } from "../../src/store/store.ts";
import { endpoint, shard } from "../compile/mesh.ts";
import { ManualClock } from "../support/manual_clock.ts";

const said = shard("cart", [endpoint("1", { address: "10.0.0.1" })]);
const held: (readonly [RecordKey, MeshRecord])[] = [
  [shardRecord(said.service, said.source, 0), { kind: "shard", shard: said }],
];

function opened(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), "weft-kept-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const clock = new ManualClock();
  const state = new StateDirectory(directory);
  const node = (incarnation = "e1") =>
    new KeptShards({ state, clock, log: silentLogger, incarnation: () => incarnation });
  return { clock, state, node };
}

test("what is held is read by the node that starts next, and by none once nothing is held", async (t) => {
  const { clock, node } = opened(t);
  const first = node();
  first.changed(() => held);
  await clock.advance(limits.brakeKeepMs);
  assert.deepEqual([...node().read()], held);
  first.changed(() => []);
  await clock.advance(limits.brakeKeepMs);
  assert.deepEqual([...node().read()], []);
});

test("many steps are one write, of the last", async (t) => {
  const { clock, state, node } = opened(t);
  const kept = node();
  let asked = 0;
  for (let step = 0; step < 100; step++) {
    kept.changed(() => {
      asked++;
      return held;
    });
  }
  await clock.advance(limits.brakeKeepMs);
  assert.equal(asked, 1);
  assert.equal(state.list("").length, 1);
});

test("a file of another stream, or that cannot be read, says nothing", async (t) => {
  const { clock, state, node } = opened(t);
  node().changed(() => held);
  await clock.advance(limits.brakeKeepMs);
  assert.deepEqual([...node("e2").read()], []);
  state.write("held_endpoints.json", "{");
  assert.deepEqual([...node().read()], []);
});
