/** What a sidecar's listeners do with a port, and with clients that say little or nothing, through real Envoys. */
import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { after, before, describe, test } from "node:test";
import { exportPrivateKey, makeKeyPair } from "../../src/certificates/key_pair.ts";
import { chainToPem, toPem } from "../../src/certificates/pem.ts";
import { compileOnce } from "../../src/compile/once.ts";
import { spiffeId, svidFor, trustChain } from "../certificates/fixtures.ts";
import { ns, sidecar } from "../compile/mesh.ts";
import { RunningEnvoy } from "../envoy/running_envoy.ts";

/** Speaks first. */
const greeting = "220 ready\r\n";
const listen = { address: "127.0.0.1", port: 0 };
const nobody = {
  kind: "PeerAuthentication",
  namespace: ns("default"),
  name: "x",
  portModes: {},
  createdAt: 1,
} as const;

let application: Server;
let appPort: number;

before(async () => {
  application = createServer((socket) => {
    socket.on("error", () => {});
    socket.write(greeting);
  });
  await new Promise<void>((resolve) => application.listen(0, "127.0.0.1", resolve));
  appPort = (application.address() as AddressInfo).port;
});

after(() => application?.close());

describe("one port", () => {
  const itemsAt = (port: number) =>
    compileOnce(
      { workloads: [], shards: [], objects: [] },
      sidecar("client", "default", { outbound: { address: "127.0.0.1", port } }),
    ).items;

  test("two Envoys never share it: the second is refused, instead of taking half of the connections", async () => {
    const first = await RunningEnvoy.start(itemsAt(0));
    try {
      await assert.rejects(
        RunningEnvoy.start(itemsAt(first.port("outbound"))).then((second) => second.stop()),
        /Envoy runs/,
      );
    } finally {
      await first.stop();
    }
  });
});

describe("a permissive port", () => {
  let envoy: RunningEnvoy;

  before(async () => {
    const trust = await trustChain(Date.now());
    const keys = makeKeyPair();
    const { chain } = svidFor(spiffeId("db"), trust, Date.now(), keys);
    const identity = {
      chain: chainToPem(chain),
      key: toPem("PRIVATE KEY", exportPrivateKey(keys.privateKey)),
      roots: toPem("CERTIFICATE", trust.root),
      trustDomain: "cluster.local",
    };
    const inbound = [
      { name: "tcp", port: 1, appPort, protocol: "tcp", listen } as const,
      { name: "any", port: 2, appPort, protocol: "auto", listen } as const,
    ];
    const { items } = compileOnce(
      { workloads: [], shards: [], objects: [{ ...nobody, mode: "permissive" }] },
      sidecar("db", "default", { outbound: listen, inbound }),
    );
    envoy = await RunningEnvoy.start(items, identity);
  });

  after(() => envoy?.stop());

  async function greetedAfterMs(port: number, says: string): Promise<number> {
    const socket = connect(envoy.port(`inbound_${port}`), "127.0.0.1");
    socket.on("error", () => {});
    if (says !== "") socket.write(says);
    const sinceMs = performance.now();
    await new Promise((resolve) => socket.once("data", resolve).once("close", resolve));
    socket.destroy();
    return performance.now() - sinceMs;
  }

  /** TLS is told by five bytes, HTTP by a line. */
  const cases: readonly {
    readonly port: number;
    readonly at: string;
    readonly told: string[];
    readonly not: string[];
  }[] = [
    { port: 1, at: "a TCP port", told: ["hello", "HELO x\r\n"], not: ["", "x", "hi\n"] },
    { port: 2, at: "a port of unknown protocol", told: ["hello\n", "HELO x\r\n"], not: ["", "x", "hello"] },
  ];

  for (const { port, at, told, not } of cases) {
    test(`at ${at} who says enough is not kept waiting; silence and single bytes end after a second`, async () => {
      const times = await Promise.all([...told, ...not].map((says) => greetedAfterMs(port, says)));
      const [soon, late] = [times.slice(0, told.length), times.slice(told.length)];
      assert.ok(Math.max(...soon) < 900, `${soon}`);
      assert.ok(Math.min(...late) >= 990 && Math.max(...late) < 4_000, `${late}`);
    });
  }
});
