/**
 * mTLS between two real Envoys, on every kind of port in every mode, with certificates of a chain of ours in the place of
 * the agent's secrets.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { after, before, test } from "node:test";
import { exportPrivateKey, makeKeyPair } from "../../src/certificates/key_pair.ts";
import { chainToPem, toPem } from "../../src/certificates/pem.ts";
import { compileOnce, type MeshContents } from "../../src/compile/once.ts";
import type { MutualTlsMode } from "../../src/model/policy.ts";
import { protocolOfPortName } from "../../src/model/protocol.ts";
import { spiffeId, svidFor, trustChain } from "../certificates/fixtures.ts";
import { endpoint, ns, shard, sidecar } from "../compile/mesh.ts";
import { type Identity, RunningEnvoy } from "../envoy/running_envoy.ts";

const trust = await trustChain(Date.now());

function identity(name: string): Identity {
  const keys = makeKeyPair();
  const { chain } = svidFor(spiffeId(name), trust, Date.now(), keys);
  const key = toPem("PRIVATE KEY", exportPrivateKey(keys.privateKey));
  return { chain: chainToPem(chain), key, roots: toPem("CERTIFICATE", trust.root), trustDomain: "cluster.local" };
}

const layers = ["http", "tcp", "web"] as const;
const modes = ["strict", "permissive", "disable"] as const;
const ways = layers.flatMap((layer) => modes.map((mode) => ({ layer, mode, name: `${layer}-${mode}` })));

const applications = new Map<string, Server>();
let server: RunningEnvoy;
let client: RunningEnvoy;
const listen = { address: "127.0.0.1", port: 0 };

before(async () => {
  for (const { name } of ways) {
    const application = createServer((request, response) =>
      response.end(`${name} ${request.headers["x-forwarded-client-cert"]}`),
    );
    application.listen(0, "127.0.0.1");
    await once(application, "listening");
    applications.set(name, application);
  }
  const appPort = (name: string): number => {
    const address = applications.get(name)?.address();
    return typeof address === "object" && address ? address.port : assert.fail(name);
  };
  const inbound = ways.map(({ layer, name }, index) => {
    const protocol = protocolOfPortName(layer);
    return { name: layer, port: index + 1, appPort: appPort(name), protocol, listen };
  });
  const portModes: Record<number, MutualTlsMode> = Object.fromEntries(
    ways.map(({ name, mode }) => [appPort(name), mode]),
  );
  const selector = { labels: { app: "server" } };
  const nothing = { any: [], none: [] };
  const onlyClient = {
    principals: { any: [{ kind: "exact", value: "cluster.local/ns/default/sa/client" }], none: [] },
    namespaces: nothing,
  } as const;
  const guarded = { any: [{ kind: "exact", value: String(appPort("http-permissive")) }], none: [] } as const;
  const to = [{ hosts: nothing, methods: nothing, paths: nothing, ports: guarded }];
  const rest = {
    hosts: nothing,
    methods: nothing,
    paths: nothing,
    ports: { any: [], none: guarded.any },
  };
  const base = { namespace: ns("default"), name: "x", createdAt: 1 };
  const contents: MeshContents = {
    workloads: [],
    shards: [],
    objects: [
      { ...base, kind: "PeerAuthentication", selector, portModes },
      {
        ...base,
        kind: "AuthorizationPolicy",
        selector,
        action: "allow",
        rules: [
          { from: [onlyClient], to },
          { from: [], to: [rest] },
        ],
      },
    ],
  };
  const workload = sidecar("server", "default", { outbound: listen, inbound });
  server = await RunningEnvoy.start(compileOnce(contents, workload).items, identity("server"));

  const shards = ways.map(({ layer, mode, name }, index) => {
    const found = endpoint(String(index), {
      address: "127.0.0.1",
      ports: { [layer]: server.port(`inbound_${index + 1}`) },
      labels: { app: "server" },
      identity: spiffeId("server"),
    });
    const { identity: _, ...plain } = found;
    return shard(name, [mode === "disable" ? { ...plain, transport: "plaintext" } : found], {
      portNames: [`${layer}:80`],
    });
  });
  const impostor = shard("impostor", [
    endpoint("1", {
      address: "127.0.0.1",
      ports: { http: server.port("inbound_1") },
      identity: spiffeId("somebody-else"),
    }),
  ]);
  const upstreams = ways.map(({ name }, index) => ({
    service: { namespace: ns("default"), name },
    port: 80,
    // One loopback address each, so that each has a listener of its own name.
    listen: { address: `127.0.1.${index + 1}`, port: 0 },
  }));
  const caller = sidecar("client", "default", { outbound: listen, upstreams });
  const items = compileOnce({ workloads: [], objects: [], shards: [...shards, impostor] }, caller).items;
  client = await RunningEnvoy.start(items, identity("client"));
});

after(async () => {
  await client?.stop();
  await server?.stop();
  for (const application of applications.values()) application.close();
});

const uri = "URI=spiffe://cluster.local/ns/default/sa/client";

for (const { layer, mode, name } of ways) {
  if (layer !== "tcp") {
    test(`HTTP through the way out reaches a ${layer} port in mode ${mode}`, async () => {
      const { status, body } = await client.ask("outbound", "/", name);
      assert.equal(status, 200);
      assert.ok(body.startsWith(`${name} `), body);
      // The application learns who called, when the caller had to prove it.
      assert.equal(body.includes(uri), mode !== "disable");
    });
  }
}

for (const [index, { layer, mode, name }] of ways.entries()) {
  test(`bytes through a declared way out reach a ${layer} port in mode ${mode}`, async () => {
    const listener = `upstream_127.0.1.${index + 1}_0`;
    const { status, body } = await client.ask(listener, "/", name, "GET", `127.0.1.${index + 1}`);
    assert.equal(status, 200);
    assert.ok(body.startsWith(`${name} `), body);
  });

  test(`plaintext to a ${layer} port in mode ${mode} is ${mode === "strict" ? "refused" : "taken"}`, async () => {
    const { status } = await server.ask(`inbound_${index + 1}`, "/", name);
    // One port is guarded by who the caller is, and plaintext is nobody.
    const expected = name === "http-permissive" ? 403 : mode === "strict" ? 0 : 200;
    assert.equal(status, expected);
  });
}

test("an endpoint that is not who it should be gets nothing", async () => {
  const { status } = await client.ask("outbound", "/", "impostor");
  assert.equal(status, 503);
});
