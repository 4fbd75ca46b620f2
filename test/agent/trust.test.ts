// Which addresses of nodes a host keeps.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Trust } from "../../src/agent/trust.ts";
import type { BundleSet } from "../../src/certificates/attestation/protocol.ts";
import { defaultTrustDomain } from "../../src/model/identity.ts";
import { limits } from "../../src/platform/limits.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { StateDirectory } from "../../src/platform/state_directory.ts";
import { ManualClock } from "../support/manual_clock.ts";

const nodesOf = (...ports: readonly number[]) => ({
  agents: ports.map((port) => `10.0.0.1:${port}`),
  xds: ports.map((port) => `10.0.0.1:${port + 1}`),
});

function joined(t: TestContext, clock: ManualClock): Trust {
  const directory = mkdtempSync(join(tmpdir(), "weft-trust-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const trust = new Trust(new StateDirectory(directory), { clock, log: silentLogger });
  const bundle: BundleSet = { trustDomain: defaultTrustDomain, sequence: 1, roots: {} };
  trust.join({ trustDomain: defaultTrustDomain, bundle, nodes: nodesOf(1, 3, 5) });
  return trust;
}

test("a node that has just started and knows only itself takes no other's address away", (t) => {
  const trust = joined(t, new ManualClock());
  trust.learn({ nodes: nodesOf(3) });
  trust.learn({ nodes: nodesOf() });
  assert.deepEqual(trust.joined.nodes, nodesOf(1, 3, 5));
});

test("an address that nobody tells any more goes after a while, one that moved is there at once", async (t) => {
  const clock = new ManualClock();
  const trust = joined(t, clock);
  trust.learn({ nodes: nodesOf(1, 3, 7) });
  assert.deepEqual(trust.joined.nodes, nodesOf(1, 3, 5, 7));
  await clock.advance(limits.nodeAddressMs);
  trust.learn({ nodes: nodesOf(1, 3, 7) });
  assert.deepEqual(trust.joined.nodes, nodesOf(1, 3, 7));
});

test("an address goes only after others were told for a while: a silence of all, however long, takes none", async (t) => {
  const clock = new ManualClock();
  const trust = joined(t, clock);
  await clock.advance(10 * limits.nodeAddressMs);
  trust.learn({ nodes: nodesOf(3) });
  assert.deepEqual(trust.joined.nodes, nodesOf(1, 3, 5));
  trust.learn({ nodes: nodesOf(1, 3) });
  await clock.advance(limits.nodeAddressMs);
  trust.learn({ nodes: nodesOf(3) });
  assert.deepEqual(trust.joined.nodes, nodesOf(1, 3));
});
