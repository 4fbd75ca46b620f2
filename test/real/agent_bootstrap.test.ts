// The bootstrap, and the file of nodes' addresses, as the real Envoy reads them.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { bootstrapOf } from "../../src/agent/envoy/bootstrap.ts";
import { writeXdsAddresses, xdsAddressesIn } from "../../src/agent/envoy/xds_addresses.ts";
import { meshdId } from "../../src/model/identity.ts";
import { defaultNamespace, type Locality } from "../../src/model/names.ts";
import type { Workload } from "../../src/model/workload.ts";
import { StateDirectory } from "../../src/platform/state_directory.ts";
import { trustDomain } from "../certificates/fixtures.ts";
import { envoyPath } from "../support/agent_process.ts";

const shared = {
  ...{ name: "a", namespace: defaultNamespace, serviceAccount: "default", labels: {}, network: "", host: "h" },
  locality: "eu/a" as Locality,
};
const at = { address: "127.0.0.1", port: 15_001 };
const workloads: readonly Workload[] = [
  {
    ...shared,
    role: "sidecar",
    service: { namespace: defaultNamespace, name: "a" },
    inbound: [],
    outbound: at,
    upstreams: [],
  },
  { ...shared, role: "gateway", eastWest: false, listeners: { "80": at }, locality: "" as Locality },
];

test("Envoy accepts the bootstrap of a sidecar and of a gateway", async () => {
  const directory = mkdtempSync(join(tmpdir(), "weft-bootstrap-"));
  try {
    const state = new StateDirectory(directory);
    writeXdsAddresses(state, ["127.0.0.1:15010", "[::1]:15010"]);
    for (const workload of workloads) {
      const bootstrap = bootstrapOf({
        ...{ workload, admin: { address: "127.0.0.1", port: 0 }, sdsSocket: join(directory, "sds.sock") },
        ...{ xdsAddresses: xdsAddressesIn(state), meshdId: meshdId(trustDomain) },
      });
      const path = join(directory, `${workload.role}.json`);
      writeFileSync(path, JSON.stringify(bootstrap));
      const validation = ["--mode", "validate", "--log-level", "warning", "--config-path", path];
      const { stderr } = await promisify(execFile)(envoyPath(), validation);
      assert.doesNotMatch(stderr, /deprecated|\]\[(warning|error|critical)\]/);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});
