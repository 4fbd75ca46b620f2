import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpsRequest } from "node:https";
import { connect as tcpConnect } from "node:net";
import { type TestContext, test } from "node:test";
import type { AgentPorts } from "../../src/api/agents/ports.ts";
import { startAgentListener } from "../../src/api/agents/server.ts";
import type { PortConflict } from "../../src/api/ports.ts";
import type { Heartbeat, WorkloadSet } from "../../src/certificates/attestation/protocol.ts";
import { exportPrivateKey, type KeyPair, makeKeyPair } from "../../src/certificates/key_pair.ts";
import { chainToPem, toPem } from "../../src/certificates/pem.ts";
import type { Svid } from "../../src/certificates/svid.ts";
import { agentId, meshdId, type SpiffeId } from "../../src/model/identity.ts";
import type { Locality, Namespace, ServiceRef } from "../../src/model/names.ts";
import type { SidecarWorkload } from "../../src/model/workload.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { svidFor, type TrustChain, trustChain, trustDomain } from "../certificates/fixtures.ts";
import { openCommitPorts } from "./support/commit_ports.ts";
import { testSealing } from "./support/sealing.ts";

const namespace = "default" as Namespace;

interface Tls {
  readonly key: string;
  readonly cert: string;
}

function tlsOf(svid: Svid, keys: KeyPair): Tls {
  return { key: toPem("PRIVATE KEY", exportPrivateKey(keys.privateKey)), cert: chainToPem(svid.chain) };
}

async function identity(id: SpiffeId, chain: TrustChain): Promise<Tls> {
  const keys = makeKeyPair();
  return tlsOf(await svidFor(id, chain, Date.now(), keys), keys);
}

async function listener(t: TestContext) {
  const opened = await openCommitPorts(t);
  const chain = await trustChain(Date.now());
  const heard: { host: string; heartbeat: Heartbeat }[] = [];
  const live = new Set<string>();
  const cut = { off: false };
  const conflicts: { of: readonly PortConflict[] } = { of: [] };
  const claimed = new Map<string, readonly number[]>();
  const issued: SpiffeId[] = [];
  const changed = new Set<() => void>();
  const certificates = { node: await identity(meshdId(trustDomain), chain), roots: chainToPem([chain.root]) };
  const ports: AgentPorts = {
    ...opened.ports,
    trustDomain,
    sealing: testSealing(),
    claims: {
      holds: () => false,
      async claimPorts(service: ServiceRef, source, asked) {
        const clash = conflicts.of.filter(({ port }) => asked.some((one) => one.port === port));
        if (clash.length > 0) return { kind: "conflict", conflicts: clash };
        claimed.set(
          `${service.name} ${source}`,
          asked.map(({ port }) => port),
        );
        return { kind: "claimed" };
      },
    },
    attestation: {
      challenge: () => ({ kind: "challenge", challenge: { nonce: "n" } }),
      join: async () => ({ kind: "refused", code: "token-used", message: "the join token was used", retry: "never" }),
      host: async () => ({ kind: "refused", code: "nonce-refused", message: "ask for another", retry: "later" }),
    },
    svids: {
      async issue(requests) {
        issued.push(...requests.map(({ spiffeId }) => spiffeId));
        return requests.map(() => ({ kind: "refused", code: "malformed", message: "not a CSR" }));
      },
    },
    bundle: () => chain.bundle,
    nodes: () => ({ agents: ["127.0.0.1:1"], xds: ["127.0.0.1:2"] }),
    hosts: {
      isLive: (host) => live.has(host),
      heard: (host, heartbeat) => heard.push({ host, heartbeat }) > 0 && !cut.off,
    },
    gateways: () => [],
    rules: () => [],
    certificates: {
      current: () => ({
        certChainWithRoot: certificates.node.cert,
        key: certificates.node.key,
        roots: certificates.roots,
      }),
      onChange: (told) => {
        changed.add(told);
        return () => changed.delete(told);
      },
    },
    log: silentLogger,
  };
  const server = await startAgentListener(ports, { host: "127.0.0.1", port: 0 });
  t.after(() => server.close());
  const call = (as: Tls | undefined, method: string, path: string, body: unknown, root = chain.root) =>
    send({ address: server.address, as, method, path, body, root });
  const agent = await identity(agentId(trustDomain, "h1"), chain);
  const rotate = async (next: TrustChain): Promise<void> => {
    certificates.node = await identity(meshdId(trustDomain), next);
    certificates.roots = chainToPem([next.root]);
    for (const told of changed) told();
  };
  return {
    ...opened,
    chain,
    call,
    agent,
    heard,
    live,
    cut,
    conflicts,
    claimed,
    issued,
    rotate,
    address: server.address,
  };
}

interface Sent {
  readonly address: string;
  readonly as: Tls | undefined;
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly root: Uint8Array;
}

async function send({ address, as, method, path, body, root }: Sent) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const tls = { ca: chainToPem([root]), checkServerIdentity: () => undefined, agent: false, ...as };
  const request = httpsRequest(`https://${address}${path}`, { method, ...tls });
  request.end(text);
  const [response] = await once(request, "response");
  let answer = "";
  for await (const chunk of response) answer += String(chunk);
  return { status: Number(response.statusCode), body: JSON.parse(answer) };
}

function sidecar(name: string, ports: readonly (readonly [string, number])[], host = "h1"): SidecarWorkload {
  return {
    role: "sidecar",
    name,
    namespace,
    serviceAccount: "reviews",
    labels: { app: "reviews" },
    locality: "" as Locality,
    network: "",
    host,
    service: { namespace, name: "reviews" },
    inbound: ports.map(([portName, port]) => ({
      name: portName,
      port,
      appPort: port,
      protocol: portName === "http" ? "http" : "tcp",
      listen: { address: "127.0.0.1", port: 20_000 + port },
    })),
    outbound: { address: "127.0.0.1", port: 15_001 },
    upstreams: [],
  };
}

const setOf = (...workloads: readonly SidecarWorkload[]): WorkloadSet => ({
  workloads: workloads.map((workload) => ({ workload, serving: true, health: "healthy" })),
});

test("without a certificate there is attestation and nothing else, and its refusals keep their own codes", async (t) => {
  const { call } = await listener(t);
  const nobody = await call(undefined, "PUT", "/v1/agent/workloads", setOf());
  assert.deepEqual([nobody.status, nobody.body.code], [401, "unauthorized"]);
  const challenge = await call(undefined, "POST", "/v1/attest/challenge", { hostName: "h1" });
  assert.deepEqual(challenge, { status: 200, body: { nonce: "n" } });
  const signed = { hostName: "h1", csr: "AA==", signature: "AA==" };
  const join = { ...signed, tokenId: "t", tokenSecret: "s", hostKey: "AA==" };
  const refused = await call(undefined, "POST", "/v1/attest/join", join);
  assert.deepEqual([refused.status, refused.body.code], [403, "token-used"]);
  const later = await call(undefined, "POST", "/v1/attest/host", { ...signed, nonce: "n" });
  assert.deepEqual([later.status, later.body.code], [503, "nonce-refused"]);
});

test("a certificate of another root, or of no agent, opens nothing", async (t) => {
  const { call, chain } = await listener(t);
  const foreign = await identity(agentId(trustDomain, "h1"), await trustChain(Date.now()));
  const workload = await identity(meshdId(trustDomain), chain);
  for (const as of [foreign, workload]) {
    const { status, body } = await call(as, "PUT", "/v1/agent/workloads", setOf());
    assert.deepEqual([status, body.code], [401, "unauthorized"]);
  }
});

test("a host's workloads become records and endpoints, and go when they are no longer in its set", async (t) => {
  const { call, agent, ports, claimed } = await listener(t);
  const first = await call(
    agent,
    "PUT",
    "/v1/agent/workloads",
    setOf(sidecar("v1", [["http", 80]]), sidecar("v2", [["http", 80]])),
  );
  assert.equal(first.status, 200);
  assert.deepEqual(first.body.refused, []);
  const service = { namespace, name: "reviews" };
  const endpoints = () => ports.mirror.shard(service, "agent-h1", 0).value?.endpoints.map(({ id }) => id);
  assert.deepEqual(endpoints(), ["v1", "v2"]);
  assert.deepEqual(ports.mirror.workload(namespace, "v1").value?.host, "h1");
  assert.deepEqual(claimed.get("reviews agent-h1"), [80]);

  const again = await call(
    agent,
    "PUT",
    "/v1/agent/workloads",
    setOf(sidecar("v1", [["http", 80]]), sidecar("v2", [["http", 80]])),
  );
  assert.deepEqual(again.body, first.body);

  const less = await call(agent, "PUT", "/v1/agent/workloads", setOf(sidecar("v2", [["http", 80]])));
  assert.equal(less.status, 200);
  assert.deepEqual(endpoints(), ["v2"]);
  assert.equal(ports.mirror.workload(namespace, "v1").value, undefined);

  await call(agent, "PUT", "/v1/agent/workloads", setOf());
  assert.equal(endpoints(), undefined);
  assert.deepEqual(claimed.get("reviews agent-h1"), []);
});

test("an agent cannot speak for another host, nor take its name while it lives", async (t) => {
  const { call, agent, chain, live, ports } = await listener(t);
  const other = await identity(agentId(trustDomain, "h2"), chain);
  await call(other, "PUT", "/v1/agent/workloads", setOf(sidecar("v1", [["http", 80]], "h2")));
  live.add("h2");
  const set = setOf(sidecar("v1", [["http", 80]]), sidecar("v9", [], "h2"));
  const { body } = await call(agent, "PUT", "/v1/agent/workloads", set);
  assert.deepEqual(
    body.refused.map(({ workload, code }: { workload: string; code: string }) => [workload, code]),
    [
      ["v1.default", "name-taken"],
      ["v9.default", "not-your-host"],
    ],
  );
  assert.equal(ports.mirror.workload(namespace, "v1").value?.host, "h2");
});

test("a port that another source claims with another protocol is refused for that workload alone", async (t) => {
  const { call, agent, conflicts, ports } = await listener(t);
  conflicts.of = [{ port: 80, because: "it is tcp, as agent-h2 says" }];
  const set = setOf(sidecar("v1", [["http", 80]]), sidecar("v2", [["http", 90]]));
  const { body } = await call(agent, "PUT", "/v1/agent/workloads", set);
  assert.deepEqual(
    body.refused.map(({ workload, code }: { workload: string; code: string }) => [workload, code]),
    [["v1.default", "port-protocol-conflict"]],
  );
  assert.equal(ports.mirror.workload(namespace, "v1").value, undefined);
  assert.equal(ports.mirror.workload(namespace, "v2").value?.name, "v2");
});

test("SVIDs are issued for registered workloads of this host, under their registered identity", async (t) => {
  const { call, agent, issued } = await listener(t);
  await call(agent, "PUT", "/v1/agent/workloads", setOf(sidecar("v1", [["http", 80]])));
  const requests = ["v1.default", "nobody.default"].map((workload) => ({ workload, csr: "AAAA" }));
  const { body } = await call(agent, "POST", "/v1/agent/svids", { requests });
  assert.deepEqual(issued, ["spiffe://cluster.local/ns/default/sa/reviews"]);
  assert.deepEqual(
    body.refused.map(({ workload, code }: { workload: string; code: string }) => [workload, code]),
    [
      ["nobody.default", "not-registered"],
      ["v1.default", "malformed"],
    ],
  );
});

test("a heartbeat brings the bundle that is newer, and counts only what is the host's own", async (t) => {
  const { call, agent, heard } = await listener(t);
  await call(agent, "PUT", "/v1/agent/workloads", setOf(sidecar("v1", [["http", 80]])));
  const report = (workload: string) => ({
    workload,
    envoyPid: 1,
    envoyStarts: 1,
    warming: 0,
    edges: [],
    handshakes: {},
    inbound: { requests: 0, errors5xx: 0, denied: 0 },
  });
  const body = { bundleSequence: 0, proxies: [report("v1.default"), report("victim.default")] };
  const old = await call(agent, "POST", "/v1/agent/heartbeat", body);
  assert.equal(old.body.bundle.sequence, 1);
  assert.equal(old.body.resend, true);
  assert.deepEqual(
    heard[0]?.heartbeat.proxies.map(({ workload }) => workload),
    ["v1.default"],
  );
  const fresh = await call(agent, "POST", "/v1/agent/heartbeat", {
    bundleSequence: 1,
    proxies: [report("v1.default")],
  });
  assert.deepEqual(fresh.body, {
    nodes: { agents: ["127.0.0.1:1"], xds: ["127.0.0.1:2"] },
    gatewayPorts: {},
    secrets: {},
    resend: false,
  });
});

test("what is no request is answered with its field, and the listener goes on", async (t) => {
  const { call, agent } = await listener(t);
  const bad = [
    "nonsense",
    "[".repeat(100_000),
    { workloads: "x" },
    { workloads: [{ workload: { role: "sidecar" } }] },
    { workloads: [{ serving: true, health: "healthy", workload: { ...sidecar("../..", []) } }] },
    { workloads: [{ serving: true, health: "healthy", workload: { ...sidecar("a", []), namespace: "A\u0000" } }] },
    '{"__proto__":{"workloads":[]}}',
  ];
  for (const body of bad) {
    const { status, body: problem } = await call(agent, "PUT", "/v1/agent/workloads", body);
    assert.deepEqual([status, problem.code], [400, "bad-request"], JSON.stringify(body).slice(0, 80));
  }
  const large = await call(undefined, "POST", "/v1/attest/challenge", { hostName: "h".repeat(100_000) });
  assert.deepEqual([large.status, large.body.code], [413, "too-large"]);
  assert.equal((await call(agent, "PUT", "/v1/agent/workloads", setOf())).status, 200);
});

test("plain HTTP and half a handshake end their own connection only", async (t) => {
  const { call, agent, address } = await listener(t);
  const [host = "", port = ""] = address.split(":");
  const noise = tcpConnect(Number(port), host);
  noise.on("error", () => {});
  noise.write("GET / HTTP/1.1\r\n\r\n");
  await once(noise, "close");
  const half = tcpConnect(Number(port), host);
  t.after(() => half.destroy());
  half.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]));
  assert.equal((await call(agent, "PUT", "/v1/agent/workloads", setOf())).status, 200);
});

test("attestation beyond its rate is told to wait", async (t) => {
  const { call } = await listener(t);
  const statuses = new Set<number>();
  const ask = async (): Promise<void> => {
    statuses.add((await call(undefined, "POST", "/v1/attest/challenge", { hostName: "h1" })).status);
  };
  for (let round = 0; round < 30 && !statuses.has(429); round++) await Promise.all(Array.from({ length: 20 }, ask));
  assert.deepEqual([...statuses].sort(), [200, 429]);
});

test("new certificates and roots hold from the next connection on", async (t) => {
  const { call, agent, rotate } = await listener(t);
  const next = await trustChain(Date.now());
  await rotate(next);
  const old = await call(agent, "PUT", "/v1/agent/workloads", setOf(), next.root);
  assert.equal(old.status, 401);
  const young = await identity(agentId(trustDomain, "h1"), next);
  assert.equal((await call(young, "PUT", "/v1/agent/workloads", setOf(), next.root)).status, 200);
});

test("a node that is cut off from the others refuses a heartbeat, so that another node hears it too", async (t) => {
  const { call, agent, heard, cut } = await listener(t);
  const beat = { bundleSequence: 1, proxies: [] };
  assert.equal((await call(agent, "POST", "/v1/agent/heartbeat", beat)).status, 200);
  cut.off = true;

  const refused = await call(agent, "POST", "/v1/agent/heartbeat", beat);

  assert.deepEqual([refused.status, refused.body.code], [503, "unavailable"]);
  assert.equal(heard.length, 2);
});
