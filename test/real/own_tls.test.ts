/** TLS of the user's own and the PROXY protocol, through a real Envoy to servers that know nothing of a mesh. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { TLSSocket } from "node:tls";
import { compileOnce } from "../../src/compile/once.ts";
import type { OwnTls, TrafficSettings } from "../../src/model/traffic.ts";
import { destinationRule, endpoint, shard, sidecar } from "../compile/mesh.ts";
import { RunningEnvoy } from "../envoy/running_envoy.ts";
import { certificateFor } from "../support/own_certificate.ts";

const bankHost = "bank.default.svc.cluster.local";
const directory = mkdtempSync(join(tmpdir(), "weft-own-tls-"));
const servers: Server[] = [];
let envoy: RunningEnvoy;

function written(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

async function listening(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

before(async () => {
  const bank = await certificateFor([bankHost]);
  const client = await certificateFor(["client.example.com"]);
  const asks = { ...bank, cert: bank.chain, ca: client.chain, requestCert: true, rejectUnauthorized: false };
  const secure = createHttpsServer(asks, ({ socket }, response) => {
    assert.ok(socket instanceof TLSSocket);
    const shown = socket.getPeerCertificate().subject?.CN ?? "nobody";
    response.end(`${shown} asks ${socket.servername || "no name"}`);
  });
  const securePort = await listening(secure);
  const announced = createServer((socket) => {
    socket.once("data", (first) => {
      const [line = ""] = first.toString().split("\r\n");
      socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${line.length}\r\n\r\n${line}`);
    });
  });
  const announcedPort = await listening(announced);
  const server = { roots: { file: written("roots.pem", bank.chain) }, names: [] };
  const strangers = { roots: { file: written("strangers.pem", client.chain) }, names: [] };
  const certificate = {
    chainFile: written("client.pem", client.chain),
    keyFile: written("client.key", client.key),
  };
  const own = (tls: OwnTls): TrafficSettings => ({ tls });
  const services: Readonly<Record<string, { readonly port: number; readonly settings: TrafficSettings }>> = {
    bank: { port: securePort, settings: own({ server }) },
    named: { port: securePort, settings: own({ server: { ...server, names: [bankHost] }, serverName: "vault" }) },
    misnamed: { port: securePort, settings: own({ server: { ...server, names: ["shop.example.com"] } }) },
    strange: { port: securePort, settings: own({ server: strangers }) },
    believed: { port: securePort, settings: own({}) },
    mutual: { port: securePort, settings: own({ server: { ...server, names: [bankHost] }, certificate }) },
    told: { port: announcedPort, settings: { proxyProtocol: 1 } },
  };
  const { items } = compileOnce(
    {
      workloads: [],
      shards: Object.entries(services).map(([name, { port }]) => {
        const { identity: _, ...plain } = endpoint("1", { address: "127.0.0.1", ports: { http: port } });
        return shard(name, [{ ...plain, transport: "plaintext" }]);
      }),
      objects: Object.entries(services).map(([name, { settings }]) => destinationRule(name, [], { settings })),
    },
    sidecar("client", "default", { outbound: { address: "127.0.0.1", port: 0 } }),
  );
  envoy = await RunningEnvoy.start(items);
});

after(async () => {
  await envoy?.stop();
  for (const server of servers) server.close();
  rmSync(directory, { recursive: true });
});

const ask = async (host: string): Promise<string> => {
  const { status, body } = await envoy.ask("outbound", "/", host);
  return status === 200 ? body : String(status);
};

test("the server is asked for, and has, the name that the request was for", async () => {
  assert.equal(await ask(bankHost), `nobody asks ${bankHost}`);
  assert.equal(await ask("bank"), "503");
});

test("names that the rule gives stand instead of it", async () => {
  assert.equal(await ask("named"), "nobody asks vault");
  assert.equal(await ask("misnamed"), "503");
});

test("a server whose root is not among those named is not believed, unless all are", async () => {
  assert.equal(await ask("strange.default.svc.cluster.local"), "503");
  assert.equal(await ask("believed"), "nobody asks believed");
});

test("the user's own certificate is shown", async () => {
  assert.equal(await ask("mutual"), "client.example.com asks mutual");
});

test("the PROXY protocol says who calls", async () => {
  assert.match(await ask("told"), /^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+$/);
});
