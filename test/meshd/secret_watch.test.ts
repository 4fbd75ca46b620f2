/** Whoever waits until a change is distributed waits for the gateways' secrets too, as far as agents can tell. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProxyReport } from "../../src/certificates/attestation/protocol.ts";
import { SecretWatch } from "../../src/meshd/hosts/secret_watch.ts";
import { nameOfStoredSecret, type SecretName } from "../../src/model/secret_name.ts";
import type { Workload } from "../../src/model/workload.ts";
import { gatewayWorkload, sidecar } from "../compile/mesh.ts";

const gateway = gatewayWorkload("ingress");
const web = nameOfStoredSecret({ kind: "certificate", credential: "web" });

function watched(workload: Workload = gateway) {
  const named: SecretName[] = [web];
  const versions: Record<string, string> = {};
  const listeners = new Set<() => void>();
  const state: { live: boolean; report: ProxyReport | undefined } = { live: true, report: undefined };
  const watch = new SecretWatch({
    workload: () => workload,
    named: () => named,
    versions: () => versions,
    hosts: {
      isLive: () => state.live,
      proxy: () => state.report,
      onReported(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  });
  const ending = new AbortController();
  const report = (secrets?: Record<string, string>): void => {
    const counts = { edges: [], handshakes: {}, inbound: { requests: 0, errors5xx: 0, denied: 0 } };
    const said = { workload: "ingress.default", envoyPid: 1, envoyStarts: 1, warming: 0, ...counts };
    state.report = { ...said, ...(secrets ? { secrets } : {}) };
    for (const listener of listeners) listener();
  };
  return {
    state,
    versions,
    listeners,
    report,
    ending,
    wait: () => watch.settled(() => ["ingress.default"], ending.signal),
  };
}

async function isOpen(waiting: Promise<unknown>): Promise<boolean> {
  const open = Symbol();
  return (await Promise.race([waiting, new Promise((resolve) => setImmediate(resolve, open))])) === open;
}

test("a secret that the Envoy has not answered for is waited for; one that is not there is an answer too", async () => {
  const { report, wait, listeners } = watched();
  report({});
  const waiting = wait();
  assert.equal(await isOpen(waiting), true);
  report({ [web]: "" });
  assert.deepEqual(await waiting, []);
  assert.equal(listeners.size, 0);
});

test("of a gateway that was not reported yet nothing is known", async () => {
  const { report, wait } = watched();
  const waiting = wait();
  assert.equal(await isOpen(waiting), true);
  report({ [web]: "" });
  assert.deepEqual(await waiting, []);
});

test("of a stored one the version that is there is waited for", async () => {
  const { report, versions, wait } = watched();
  versions[web] = "2";
  report({ [web]: "1" });
  const waiting = wait();
  assert.equal(await isOpen(waiting), true);
  report({ [web]: "2" });
  assert.deepEqual(await waiting, []);
});

test("who waits no longer is told who lacks it", async () => {
  const { report, wait, ending } = watched();
  report({});
  const waiting = wait();
  ending.abort();
  assert.deepEqual(await waiting, ["ingress.default"]);
});

test("a sidecar, a silent agent and an older one are not waited for", async () => {
  const own = watched(sidecar("client"));
  own.report({});
  assert.deepEqual(await own.wait(), []);
  const silent = watched();
  silent.report({});
  silent.state.live = false;
  assert.deepEqual(await silent.wait(), []);
  const older = watched();
  older.report();
  assert.deepEqual(await older.wait(), []);
});
