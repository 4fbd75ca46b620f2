// The agent as a process, a real Envoy, and a node that behaves (fake_meshd.ts).

import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { connect } from "node:tls";
import { exportPrivateKey, makeKeyPair } from "../../src/certificates/key_pair.ts";
import { chainToPem, toPem } from "../../src/certificates/pem.ts";
import { isRunning, startTimeOf } from "../../src/platform/process_id.ts";
import { spiffeId, svidFor } from "../certificates/fixtures.ts";
import { AgentProcess } from "../support/agent_process.ts";
import { FakeMeshd } from "../support/fake_meshd.ts";

async function withAgent(
  options: Parameters<typeof FakeMeshd.start>[0],
  story: (meshd: FakeMeshd, agent: AgentProcess) => Promise<void>,
): Promise<void> {
  const meshd = await FakeMeshd.start(options);
  const agent = await AgentProcess.start(meshd);
  try {
    await story(meshd, agent);
  } finally {
    await agent.clean();
    await meshd.stop();
  }
}

/** Until `look` answers something: for what other processes do and nobody announces. */
async function eventually<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (const sinceMs = Date.now(); Date.now() - sinceMs < 15_000; await pause(25)) {
    const found = await look();
    if (found !== undefined) return found;
  }
  throw new Error(`waited in vain: ${what}`);
}

async function statusOf(hostPort: string): Promise<number | undefined> {
  const asked = get(`http://${hostPort}/`, { agent: false });
  try {
    const [response] = await once(asked, "response");
    response.resume();
    return response.statusCode;
  } catch {
    return undefined;
  }
}

/** Serial number and URI SAN of the certificate that a sidecar's inbound port shows to a member of the mesh. */
async function servedCertificate(meshd: FakeMeshd, hostPort: string): Promise<{ serial: string; name: string }> {
  const keys = makeKeyPair();
  const { chain } = await svidFor(spiffeId("caller"), meshd.chain, Date.now(), keys);
  const [host, port] = hostPort.split(":");
  const socket = connect({
    ...{ host: host ?? "", port: Number(port) },
    key: toPem("PRIVATE KEY", exportPrivateKey(keys.privateKey)),
    cert: chainToPem(chain),
    ca: toPem("CERTIFICATE", meshd.chain.root),
    checkServerIdentity: () => undefined,
  });
  await once(socket, "secureConnect");
  const { serialNumber, subjectaltname = "" } = socket.getPeerCertificate();
  socket.destroy();
  return { serial: serialNumber.toLowerCase().replace(/^0+/, ""), name: subjectaltname };
}

// Two at a time: each has an agent and a node of its own, and mostly waits.
describe("the agent as a process", { concurrency: 2 }, () => {
  test("a run: registered, identified, configured, announced; its end takes everything back", async () => {
    await withAgent({}, async (meshd, agent) => {
      const client = agent.run({ session: "s1" });
      const ready = await client.ready();
      assert.equal(ready.workload, "reviews-v1.default");
      assert.equal(ready.spiffeId, "spiffe://cluster.local/ns/default/sa/default");
      assert.equal(await statusOf(ready.outbound ?? ""), 200);
      const served = await servedCertificate(meshd, ready.inbounds.http ?? "");
      assert.equal(served.name, `URI:${ready.spiffeId}`);
      const registered = meshd.registered("reviews-v1.default");
      assert.equal(registered?.serving, true);
      assert.deepEqual(registered?.workload.labels, { app: "reviews", version: "v1" });
      assert.equal(meshd.sets[0]?.workloads[0]?.serving, false, "first without an endpoint");

      const [report] = await meshd.until(() => {
        const last = meshd.heartbeats.at(-1)?.proxies;
        return last && last.length > 0 ? last : undefined;
      });
      assert.equal(report?.envoyPid, ready.envoyPid);
      assert.equal(report?.svidSerial, served.serial);
      assert.equal(report?.warming, 0);
      assert.equal(report?.inbound.requests, 0);

      assert.equal(await client.end(), 204);
      assert.equal(startTimeOf(ready.envoyPid), undefined);
      assert.deepEqual(meshd.sets.at(-1)?.workloads, []);
      assert.deepEqual(readdirSync(join(agent.directory, "state/workloads")), []);
      await client.ended();
    });
  });

  test("keys stay: nothing in the state directory but the host key is one, and only its owner reads it", async () => {
    await withAgent({}, async (meshd, agent) => {
      await agent.run({ session: "s1" }).ready();
      const state = join(agent.directory, "state");
      const files = readdirSync(state, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
      const holding = files.filter((file) =>
        readFileSync(join(file.parentPath, file.name), "utf8").includes("PRIVATE KEY"),
      );
      assert.deepEqual(
        holding.map(({ name }) => name),
        ["host-key.pem"],
      );
      assert.equal(statSync(join(state, "host-key.pem")).mode & 0o777, 0o600);
      assert.equal(statSync(state).mode & 0o777, 0o700);
      assert.equal(statSync(join(state, "sds")).mode & 0o777, 0o700);
      for (const socket of readdirSync(join(state, "sds"))) {
        assert.equal(statSync(join(state, "sds", socket)).mode & 0o777, 0o600);
      }
      assert.equal(meshd.joins.length, 1);
    });
  });

  test("an Envoy that dies is started again, with the same ports, and its endpoint is away meanwhile", async () => {
    await withAgent({}, async (meshd, agent) => {
      const client = agent.run({ session: "s1" });
      const ready = await client.ready();
      const before = meshd.sets.length;
      process.kill(ready.envoyPid, "SIGKILL");
      const restarted = await client.until("restarted");
      assert.notEqual(restarted.pid, ready.envoyPid);
      assert.equal(await statusOf(ready.outbound ?? ""), 200);
      const serving = meshd.sets.slice(before).map(({ workloads }) => workloads[0]?.serving);
      assert.deepEqual(serving, [false, true]);
      await client.end();
    });
  });

  test("the agent killed: its Envoy serves on, the next agent adopts it without a token, under new keys", async () => {
    await withAgent({}, async (meshd, agent) => {
      const first = agent.run({ session: "s1" });
      const ready = await first.ready();
      const envoy = { pid: ready.envoyPid, startTime: startTimeOf(ready.envoyPid) ?? "" };
      const before = await servedCertificate(meshd, ready.inbound ?? "");
      await agent.kill9();
      assert.equal(isRunning(envoy), true);
      assert.equal(await statusOf(ready.outbound ?? ""), 200);
      const sets = meshd.sets.length;

      await agent.startAgain();
      const again = agent.run({ session: "s1" });
      const resumed = await again.ready();
      assert.deepEqual(resumed, ready);
      assert.equal(isRunning(envoy), true);
      await meshd.until(() => meshd.sets.length > sets);
      const told = meshd.sets.slice(sets).map(({ workloads }) => workloads.map(({ serving }) => serving));
      assert.ok(
        told.every(([serving]) => serving === true),
        "its endpoint never went away",
      );
      assert.deepEqual(meshd.joins, ["host-a"], "joined once");
      assert.deepEqual(meshd.hostAttestations, ["host-a"]);
      // The Envoy came back to the socket by itself and took the new agent's secret.
      const after = await eventually("a new certificate", async () => {
        const served = await servedCertificate(meshd, ready.inbound ?? "");
        return served.serial === before.serial ? undefined : served;
      });
      assert.equal(after.name, before.name);
      const keys = meshd.issued.map(({ publicKey }) => publicKey);
      assert.equal(new Set(keys).size, keys.length);

      process.kill(envoy.pid, "SIGKILL");
      const restarted = await again.until("restarted");
      assert.notEqual(restarted.pid, envoy.pid);
      await again.end();
      assert.equal(startTimeOf(restarted.pid), undefined);
    });
  });

  test("whoever started the agent has gone: it ends and leaves its Envoys, and the next agent adopts them", async () => {
    await withAgent({}, async (meshd, agent) => {
      await agent.stop();
      await agent.startAgain(["--end-with-input"]);
      const ready = await agent.run({ session: "s1" }).ready();
      const envoy = { pid: ready.envoyPid, startTime: startTimeOf(ready.envoyPid) ?? "" };
      const sets = meshd.sets.length;

      assert.equal(await agent.endInput(), 0);
      assert.equal(isRunning(envoy), true);
      assert.equal(await statusOf(ready.outbound ?? ""), 200);
      assert.equal(meshd.sets.length, sets, "nothing is withdrawn");

      await agent.startAgain();
      const again = agent.run({ session: "s1" });
      assert.deepEqual(await again.ready(), ready);
      assert.equal(isRunning(envoy), true);
      await again.end();
    });
  });

  test("a second agent on a state directory, and another host's name on it, are refused in one line", async () => {
    await withAgent({}, async (_meshd, agent) => {
      const [status, line] = await agent.another([]);
      assert.equal(status, 1);
      assert.match(line, new RegExp(`another agent has it, pid ${agent.child.pid}; end it first`));
      await agent.stop();
      const [renamed, because] = await agent.another(["--host-name", "host-b"]);
      assert.equal(renamed, 1);
      assert.match(because, /^mesh-agent: be host host-b: .* is that of host host-a/);
      // The machine's name, whatever it is, does not matter any more.
      await agent.startAgain();
      assert.equal((await agent.status()).host, "host-a");
    });
  });

  test("a revoked host: the local API and every client are told why, and what runs goes on", async () => {
    await withAgent({}, async (meshd, agent) => {
      const ready = await agent.run({ session: "s1" }).ready();
      await agent.kill9();
      meshd.hosts.clear();
      await agent.startAgain();

      const client = agent.run({ session: "s1" });
      const warning = await client.until("warning");
      assert.match(warning.message, /the mesh refuses host host-a: host-unknown; .*meshctl token create/);
      const { attested, refused } = await agent.status();
      assert.deepEqual([attested, refused], [false, warning.message]);
      assert.equal(await statusOf(ready.outbound ?? ""), 200);
      // No node would settle with it.
      await agent.kill9();
      process.kill(ready.envoyPid, "SIGKILL");
    });
  });

  test("an SVID is renewed at half its life, and new handshakes see the new one", async () => {
    await withAgent({ svidLifetimeMs: 3_000 }, async (meshd, agent) => {
      const client = agent.run({ session: "s1" });
      const { inbound } = await client.ready();
      const seen = new Set<string>();
      await eventually("four certificates", async () => {
        seen.add((await servedCertificate(meshd, inbound ?? "")).serial);
        return seen.size >= 4 ? true : undefined;
      });
      await client.end();
    });
  });

  test("a client that vanishes is waited for, then its workload is withdrawn", async () => {
    await withAgent({}, async (meshd, agent) => {
      const client = agent.run({ session: "s1" });
      const ready = await client.ready();
      client.vanish();
      await eventually("nobody attends", async () =>
        (await agent.status()).workloads.find(({ attended }) => !attended),
      );
      assert.notEqual(startTimeOf(ready.envoyPid), undefined);
      const back = agent.run({ session: "s1" });
      assert.equal((await back.ready()).envoyPid, ready.envoyPid);
      back.vanish();
      await meshd.until(() => meshd.sets.at(-1)?.workloads.length === 0);
      await eventually("no Envoy", () => (startTimeOf(ready.envoyPid) === undefined ? true : undefined));
    });
  });

  test("names: numbered when taken, here or elsewhere; a live name that was asked for is refused", async () => {
    await withAgent({}, async (meshd, agent) => {
      meshd.refusals.set("reviews-v1-2.default", "name-taken");
      const clients = ["s1", "s2"].map((session) => agent.run({ session }));
      const names = (await Promise.all(clients.map((client) => client.ready()))).map(({ workload }) => workload);
      assert.deepEqual(names.sort(), ["reviews-v1-3.default", "reviews-v1.default"]);
      const refused = await agent.run({ session: "s3", name: "reviews-v1" }).until("failed");
      assert.equal(refused.exit, 1);
      const wrong = await agent.run({ session: "s4", service: "Reviews!" }).until("failed");
      assert.equal(wrong.exit, 65);
      meshd.refusals.set("other.default", "port-protocol-conflict");
      const conflict = await agent.run({ session: "s5", name: "other" }).until("failed");
      assert.equal(conflict.exit, 65);
      await Promise.all(clients.map((client) => client.end()));
    });
  });

  test("two clients of one name at once: one has it; a name whose client is gone is given over at once", async () => {
    await withAgent({}, async (_meshd, agent) => {
      const clients = ["s1", "s2"].map((session) => agent.run({ session, name: "one" }));
      const got = await Promise.allSettled(clients.map((client) => client.ready()));
      assert.deepEqual(got.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
      for (const client of clients) client.vanish();
      await eventually("nobody attends", async () =>
        (await agent.status()).workloads.find(({ attended }) => !attended),
      );
      const next = agent.run({ session: "s3", name: "one" });
      assert.equal((await next.ready()).workload, "one.default");
      await next.end();
    });
  });

  test("a gateway names its listeners at once, and gets one for a port that a Gateway asks for", async () => {
    await withAgent({}, async (meshd, agent) => {
      const client = agent.request({
        ...{ role: "gateway", session: "g1", namespace: "default", serviceAccount: "ingress", name: "ingress" },
        ...{ labels: { istio: "ingressgateway" }, locality: "", eastWest: false, ports: [{ port: 80, hostPort: 0 }] },
      });
      const ready = await client.ready();
      assert.equal(ready.outbound, null);
      assert.equal(await statusOf(ready.listeners?.["80"] ?? ""), 200);
      meshd.gatewayPorts = { "ingress.default": [80, 8443] };
      const listener = await client.until("listener");
      assert.equal(listener.port, 8443);
      assert.equal(await eventually("the listener", () => statusOf(listener.address)), 200);
      await client.end();
    });
  });

  test("SIGTERM drains: every workload withdrawn, no Envoy left, status 0", async () => {
    await withAgent({}, async (meshd, agent) => {
      const ready = await agent.run({ session: "s1" }).ready();
      assert.equal(await agent.stop(), 0);
      assert.equal(startTimeOf(ready.envoyPid), undefined);
      assert.deepEqual(meshd.sets.at(-1)?.workloads, []);
      assert.equal(existsSync(agent.socket), false);
    });
  });
});
