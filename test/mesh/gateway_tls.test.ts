/** Gateways that end TLS, carry it on, or carry TCP, on a live mesh and as clients outside see them. */
import assert from "node:assert/strict";
import { request as httpsRequest } from "node:https";
import { connect as connectTcp, createServer as createTcpServer, type Server } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { type Echo, startHttpEcho } from "../support/echo.ts";
import { all, LiveObjects } from "../support/live_objects.ts";
import { Mesh } from "../support/mesh.ts";
import { send } from "../support/requests.ts";
import { CertificateFiles, WebAuthority, type WebCertificate } from "../support/web_certificates.ts";
import { type RunningWorkload, Workloads } from "../support/workload.ts";

const files = new CertificateFiles();
const servers: Server[] = [];
const echoes: Echo[] = [];
let mesh: Mesh;
let objects: LiveObjects;
let workloads: Workloads;
let gateway: RunningWorkload;
let client: RunningWorkload;
let stranger: RunningWorkload;
let authority: WebAuthority;
let strangers: WebAuthority;
let backend: WebCertificate;

before(async () => {
  [authority, strangers] = await Promise.all([WebAuthority.create("the web"), WebAuthority.create("strangers")]);
  for (const host of ["a.example.com", "b.example.com"]) files.write(host, await authority.issue(host));
  files.writeText("ca.crt", authority.ca);
  backend = await authority.issue("vault.example.com");
  mesh = await Mesh.start({ demo: false });
  objects = new LiveObjects(mesh);
  workloads = new Workloads(mesh);
  for (const service of ["reviews", "cart"]) {
    const echo = await startHttpEcho({ "x-by": service });
    echoes.push(echo);
    await workloads.sidecar({ service, ports: [{ name: "http", port: 80, appPort: echo.port }] });
  }
  for (const version of ["v1", "v2"]) {
    const appPort = await listening(createTcpServer((socket) => socket.on("error", () => {}).end(version)));
    await workloads.sidecar({ service: "db", labels: { version }, ports: [{ name: "tcp", port: 5432, appPort }] });
  }
  const vault = createTlsServer(backend, (socket) => socket.on("error", () => {}).end("opened"));
  const ports = [{ name: "tls", port: 8443, appPort: await listening(vault) }];
  await workloads.sidecar({ service: "vault", ports });
  gateway = await workloads.gateway({ name: "ingress", ports: [80, 443, 5432] });
  const upstreams = [{ service: "db.default", port: 5432 }];
  client = await workloads.sidecar({ service: "client", upstreams });
  stranger = await workloads.sidecar({ service: "stranger", namespace: "other", upstreams });
});

after(async () => {
  await workloads?.stop();
  for (const echo of echoes) echo.close();
  for (const server of servers) server.close();
  await mesh?.remove();
  files.remove();
});

function listening(server: Server): Promise<number> {
  servers.push(server);
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address ? address.port : 0);
    });
  });
}

const gatewayOf = (servers: string): string => `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  selector: {istio: ingressgateway}
  servers: ${servers}
`;

const virtualService = (name: string, spec: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}}
spec: ${spec}
`;

const https = (name: string, host: string, file: string, more = "mode: SIMPLE"): string =>
  `{port: {number: 443, name: ${name}, protocol: HTTPS}, hosts: ["${host}"], tls: {${more}, serverCertificate: ${files.directory}/${file}.crt, privateKey: ${files.directory}/${file}.key}}`;

const toService = (name: string, host: string, service: string): string =>
  virtualService(name, `{hosts: ["${host}"], gateways: [edge], http: [{route: [{destination: {host: ${service}}}]}]}`);

interface Asked {
  readonly sni: string;
  readonly host?: string;
  readonly identity?: WebCertificate;
}

/** Status and who answered, the certificate's host; or "closed". */
function ask({ sni, host = sni, identity }: Asked): Promise<string> {
  const { address, port } = at(443);
  return new Promise((resolve) => {
    const outgoing = httpsRequest(
      { host: address, port, servername: sni, headers: { host }, ca: authority.ca, agent: false, ...identity },
      (answer) => {
        answer.resume();
        answer.on("end", () => resolve(`${answer.statusCode} ${answer.headers["x-by"] ?? "nobody"}`));
      },
    );
    outgoing.on("error", () => resolve("closed"));
    outgoing.end();
  });
}

function at(port: number): { readonly address: string; readonly port: number } {
  const [address = "", number] = (gateway.listeners?.[String(port)] ?? "").split(":");
  return { address, port: Number(number) };
}

/** What comes until the other side ends. */
function readAll(socket: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    socket.on("data", (part: Buffer) => {
      text += part.toString();
    });
    socket.on("error", () => resolve("closed"));
    socket.on("close", () => resolve(text));
  });
}

test("servers of one port are told apart by SNI: a certificate and a route table each", async () => {
  const servers = `[${https("https-a", "a.example.com", "a.example.com")}, ${https("https-b", "b.example.com", "b.example.com")}]`;
  const routes = all(toService("a", "a.example.com", "reviews"), toService("b", "b.example.com", "cart"));
  await objects.replace(all(gatewayOf(servers), routes));
  assert.equal(await ask({ sni: "a.example.com" }), "200 reviews");
  assert.equal(await ask({ sni: "b.example.com" }), "200 cart");
  assert.equal(await ask({ sni: "a.example.com", host: "b.example.com" }), "404 nobody");
  assert.equal(await ask({ sni: "c.example.com" }), "closed");
  const { address, port } = at(443);
  const options = { host: address, port, servername: "a.example.com", ca: authority.ca, ALPNProtocols: ["h2"] };
  const socket = connectTls(options);
  await new Promise((resolve) => socket.once("secureConnect", resolve));
  assert.equal(socket.alpnProtocol, "h2");
  socket.destroy();
});

test("a file that is missing closes its own server's connections, and serves from when it is there", async () => {
  const servers = `[${https("https-a", "a.example.com", "a.example.com")}, ${https("https-c", "c.example.com", "c.example.com")}]`;
  const routes = all(toService("a", "a.example.com", "reviews"), toService("c", "c.example.com", "cart"));
  await objects.replace(all(gatewayOf(servers), routes));
  assert.equal(await ask({ sni: "a.example.com" }), "200 reviews");
  assert.equal(await ask({ sni: "c.example.com" }), "closed");
  files.write("c.example.com", await authority.issue("c.example.com"));
  await answers({ sni: "c.example.com" }, "200 cart");
  // Renewed by an authority that the client does not trust: it is in use as soon as the client refuses it.
  files.write("c.example.com", await strangers.issue("c.example.com"));
  await answers({ sni: "c.example.com" }, "closed");
});

async function answers(asked: Asked, wanted: string): Promise<void> {
  const deadline = AbortSignal.timeout(15_000);
  while ((await ask(asked)) !== wanted) await wait(50, undefined, { signal: deadline });
}

test("MUTUAL: only clients with a certificate that is signed and has one of the names", async () => {
  const tls = `mode: MUTUAL, caCertificates: ${files.directory}/ca.crt, subjectAltNames: [friend.example.com]`;
  const servers = `[${https("https", "*", "a.example.com", tls)}]`;
  await objects.replace(all(gatewayOf(servers), toService("a", "a.example.com", "reviews")));
  const [friend, other, forged] = await Promise.all([
    authority.issue("friend.example.com"),
    authority.issue("other.example.com"),
    strangers.issue("friend.example.com"),
  ]);
  assert.equal(await ask({ sni: "a.example.com", identity: friend }), "200 reviews");
  assert.equal(await ask({ sni: "a.example.com" }), "closed");
  assert.equal(await ask({ sni: "a.example.com", identity: other }), "closed");
  assert.equal(await ask({ sni: "a.example.com", identity: forged }), "closed");
});

test("httpsRedirect sends every host of the server to https", async () => {
  const servers = '[{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"], tls: {httpsRedirect: true}}]';
  await objects.replace(all(gatewayOf(servers), toService("a", "a.example.com", "reviews")));
  for (const host of ["a.example.com", "anything.example.org"]) {
    const { status, headers } = await send({ via: gateway.listeners?.["80"] ?? "", host, path: "/x?y=1" });
    assert.deepEqual([status, headers.location], [301, `https://${host}/x?y=1`]);
  }
});

test("PASSTHROUGH: the application's own TLS, by the host that the client names", async () => {
  const servers =
    '[{port: {number: 443, name: tls, protocol: TLS}, hosts: ["*.example.com"], tls: {mode: PASSTHROUGH}}]';
  const spec =
    "{hosts: ['*.example.com'], gateways: [edge], tls: [{match: [{sniHosts: [vault.example.com]}], route: [{destination: {host: vault, port: {number: 8443}}}]}]}";
  await objects.replace(all(gatewayOf(servers), virtualService("vault", spec)));
  const { address: host, port } = at(443);
  const socket = connectTls({ host, port, servername: "vault.example.com", ca: authority.ca });
  assert.equal(await readAll(socket), "opened");
  assert.equal(await readAll(connectTls({ host, port, servername: "a.example.com", ca: authority.ca })), "closed");
});

const subsets = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: db}
spec: {host: db, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}
`;

test("TCP by weight, through a gateway and through a sidecar's upstream", async () => {
  const servers = '[{port: {number: 5432, name: tcp, protocol: TCP}, hosts: ["*"]}]';
  const route = (v1: number, v2: number): string =>
    `[{route: [{destination: {host: db, subset: v1}, weight: ${v1}}, {destination: {host: db, subset: v2}, weight: ${v2}}]}]`;
  const outside = virtualService("outside", `{hosts: ["*"], gateways: [edge], tcp: ${route(80, 20)}}`);
  const inside = virtualService("inside", `{hosts: [db], tcp: ${route(0, 100)}}`);
  await objects.replace(all(subsets, gatewayOf(servers), outside, inside));
  const { address: host, port } = at(5432);
  const share = await shareOf("v1", { host, port });
  assert.ok(share > 0.68 && share < 0.92, `v1 got ${share}`);
  assert.equal(await shareOf("v2", upstreamOf(client)), 1);
});

test("TCP by who calls: a caller's label, and its namespace", async () => {
  const tcp = `
    - match: [{sourceLabels: {app: client}}]
      route: [{destination: {host: db, subset: v1}}]
    - match: [{sourceNamespace: other}]
      route: [{destination: {host: db, subset: v2}}]`;
  await objects.replace(all(subsets, virtualService("callers", `\n  hosts: [db]\n  tcp: ${tcp}`)));
  assert.equal(await shareOf("v1", upstreamOf(client)), 1);
  assert.equal(await shareOf("v2", upstreamOf(stranger)), 1);
});

function upstreamOf({ upstreams }: RunningWorkload): { readonly host: string; readonly port: number } {
  const [upstream = ""] = Object.values(upstreams);
  const [host = "", port] = upstream.split(":");
  return { host, port: Number(port) };
}

async function shareOf(version: string, to: { readonly host: string; readonly port: number }): Promise<number> {
  const of = 200;
  let found = 0;
  for (let asked = 0; asked < of; asked++) found += (await readAll(connectTcp(to))) === version ? 1 : 0;
  return found / of;
}
