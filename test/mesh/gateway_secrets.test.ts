/** Gateways with certificates from stored Secrets, inwards and outwards, on a live mesh and as clients outside see them. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { Agent, createServer as createHttpsServer, request as httpsRequest } from "node:https";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { type Echo, startHttpEcho } from "../support/echo.ts";
import { all, LiveObjects } from "../support/live_objects.ts";
import { Mesh } from "../support/mesh.ts";
import { meshctlInside } from "../support/meshctl_inside.ts";
import { formsOfKey, WebAuthority, type WebCertificate } from "../support/web_certificates.ts";
import { type RunningWorkload, Workloads } from "../support/workload.ts";

let mesh: Mesh;
let objects: LiveObjects;
let workloads: Workloads;
let gateway: RunningWorkload;
let echo: Echo;
let authority: WebAuthority;
let strangers: WebAuthority;
let certificates: Readonly<Record<"a" | "b", WebCertificate>>;

before(async () => {
  [authority, strangers] = await Promise.all([WebAuthority.create("the web"), WebAuthority.create("strangers")]);
  const [a, b] = await Promise.all([authority.issue("a.example.com"), authority.issue("b.example.com")]);
  certificates = { a, b };
  mesh = await Mesh.start({ demo: false });
  objects = new LiveObjects(mesh);
  workloads = new Workloads(mesh);
  echo = await startHttpEcho({ "x-by": "reviews" });
  await workloads.sidecar({ service: "reviews", ports: [{ name: "http", port: 80, appPort: echo.port }] });
  gateway = await workloads.gateway({ name: "ingress", ports: [443] });
});

after(async () => {
  await workloads?.stop();
  echo?.close();
  await mesh?.remove();
});

const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");

const tlsSecret = (name: string, { cert, key }: WebCertificate, more = ""): string => `
apiVersion: v1
kind: Secret
metadata: {name: ${name}}
type: kubernetes.io/tls
data: {tls.crt: ${base64(cert)}, tls.key: ${base64(key)}${more}}
`;

const server = (host: string, tls: string): string =>
  `{port: {number: 443, name: https-${host[0]}, protocol: HTTPS}, hosts: [${host}], tls: {${tls}}}`;

const gatewayOf = (...servers: readonly string[]): string => `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec: {selector: {istio: ingressgateway}, servers: [${servers.join(", ")}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec: {hosts: ["*.example.com"], gateways: [edge], http: [{route: [{destination: {host: reviews}}]}]}
`;

const simple = (name: string): string => `mode: SIMPLE, credentialName: ${name}`;

interface Asked {
  readonly sni: string;
  readonly identity?: WebCertificate;
  readonly ca?: string;
  readonly agent?: Agent;
}

/** Status, or "closed". */
function ask({ sni, identity, ca = authority.ca, agent }: Asked): Promise<string> {
  const [host = "", port] = (gateway.listeners?.["443"] ?? "").split(":");
  return new Promise((resolve) => {
    const options = { host, port, servername: sni, headers: { host: sni }, ca, agent: agent ?? false, ...identity };
    const outgoing = httpsRequest(options, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(String(answer.statusCode)));
    });
    outgoing.on("error", () => resolve("closed"));
    outgoing.end();
  });
}

async function answers(asked: Asked, wanted: string): Promise<void> {
  const deadline = AbortSignal.timeout(15_000);
  while ((await ask(asked)) !== wanted) await wait(50, undefined, { signal: deadline });
}

test("a Secret that is missing closes its own server's connections, and serves from when it is applied", async () => {
  const servers = [server("a.example.com", simple("web-a")), server("b.example.com", simple("web-b"))];
  await objects.replace(all(tlsSecret("web-a", certificates.a), gatewayOf(...servers)));
  await answers({ sni: "a.example.com" }, "200");
  assert.equal(await ask({ sni: "b.example.com" }), "closed");
  await objects.replace(
    all(tlsSecret("web-a", certificates.a), tlsSecret("web-b", certificates.b), gatewayOf(...servers)),
  );
  await answers({ sni: "b.example.com" }, "200");
});

test("a Secret that is renewed under load: no connection fails, those that are open go on, the new one is shown", async () => {
  const renewed = await authority.issue("a.example.com");
  const kept = new Agent({ keepAlive: true, maxSockets: 1 });
  assert.equal(await ask({ sni: "a.example.com", agent: kept }), "200");
  const [before] = Object.values(kept.freeSockets).flat();
  const load = { asked: 0, failed: 0, over: false };
  const asking = (async () => {
    while (!load.over) {
      const status = await ask({ sni: "a.example.com" });
      load.asked += 1;
      if (status !== "200") load.failed += 1;
    }
  })();
  await meshctlInside(mesh, ["apply", "-f", "-"], tlsSecret("web-a", renewed));
  const deadline = AbortSignal.timeout(15_000);
  while ((await shownTo("a.example.com")) !== serialOf(renewed)) await wait(50, undefined, { signal: deadline });
  load.over = true;
  await asking;
  assert.equal(await ask({ sni: "a.example.com", agent: kept }), "200");
  assert.equal(Object.values(kept.freeSockets).flat()[0], before, "the connection that was open");
  kept.destroy();
  assert.ok(load.asked > 10, `${load.asked} connections`);
  assert.equal(load.failed, 0, `${load.failed} of ${load.asked} connections`);
});

/** Serial number of the certificate that the gateway shows. */
function shownTo(servername: string): Promise<string> {
  const [host = "", port] = (gateway.listeners?.["443"] ?? "").split(":");
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host, port: Number(port), servername, ca: authority.ca }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.end();
    });
    socket.on("error", reject);
  });
}

function serialOf({ cert }: WebCertificate): string {
  return new X509Certificate(cert).serialNumber;
}

test("MUTUAL: clients whose authority stands in NAME-cacert, or beside the certificate; a new one holds at once", async () => {
  const [friend, stranger] = await Promise.all([
    authority.issue("friend.example.com"),
    strangers.issue("friend.example.com"),
  ]);
  const edge = gatewayOf(
    server("a.example.com", "mode: MUTUAL, credentialName: web-a, subjectAltNames: [friend.example.com]"),
  );
  const beside = tlsSecret("web-a", certificates.a, `, ca.crt: ${base64(authority.ca)}`);
  await objects.replace(all(beside, edge));
  await answers({ sni: "a.example.com" }, "closed");
  assert.equal(await ask({ sni: "a.example.com", identity: friend }), "200");
  assert.equal(await ask({ sni: "a.example.com", identity: stranger }), "closed");
  const apart = `
apiVersion: v1
kind: Secret
metadata: {name: web-a-cacert}
data: {cacert: ${base64(strangers.ca)}}
`;
  await objects.replace(all(beside, apart, edge));
  await answers({ sni: "a.example.com", identity: stranger }, "200");
  assert.equal(await ask({ sni: "a.example.com", identity: friend }), "closed");
});

test("out of a gateway in TLS with a Secret's certificate: 503 without it, and the server's say with it", async () => {
  const [vault, friend] = await Promise.all([
    authority.issue("vault.example.com"),
    authority.issue("friend.example.com"),
  ]);
  const serving = { ...vault, ca: authority.ca, requestCert: true, rejectUnauthorized: true };
  const app = createHttpsServer(serving, (_request, response) => response.end());
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  const address = app.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const outside = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: vault}
spec: {hosts: [vault.example.com], resolution: STATIC, ports: [{number: ${port}, name: http, protocol: HTTP}], endpoints: [{address: 127.0.0.1}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: vault}
spec:
  host: vault.example.com
  trafficPolicy: {tls: {mode: MUTUAL, credentialName: vault-client, sni: vault.example.com, subjectAltNames: [vault.example.com]}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: vault}
spec: {hosts: [a.example.com], gateways: [edge], http: [{route: [{destination: {host: vault.example.com, port: {number: ${port}}}}]}]}
`;
  const edge = gatewayOf(server("a.example.com", simple("web-a"))).split("---")[0] ?? "";
  const base = all(tlsSecret("web-a", certificates.a), edge, outside);
  await objects.replace(base);
  await answers({ sni: "a.example.com" }, "503");
  await objects.replace(all(base, tlsSecret("vault-client", friend, `, ca.crt: ${base64(authority.ca)}`)));
  await answers({ sni: "a.example.com" }, "200");
  app.closeAllConnections();
  app.close();
});

test("no key stands on the disk, in a log, in what a proxy is told, or in what is shown", async () => {
  const shown = await meshctlInside(mesh, ["get", "all", "-A", "-o", "yaml"]);
  assert.match(shown, /tls.key: "\[redacted\]"/);
  const told = await meshctlInside(mesh, ["proxy-config", "all", "ingress", "-o", "json"]);
  assert.match(told, /secret-cert:web-a/);
  const files = readdirSync(mesh.stateDir, { recursive: true, withFileTypes: true });
  const texts = files.flatMap((file) => (file.isFile() ? readFileSync(join(file.parentPath, file.name)) : []));
  const all = Buffer.concat([...texts, Buffer.from(shown + told, "utf8")]);
  assert.ok(all.includes("secret-cert:web-a"), "files were read");
  for (const form of formsOfKey(certificates.a.key)) assert.ok(!all.includes(form));
});
