/** What CONTRACT promises to whoever drives the mesh from outside, on one live mesh, by its own commands. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect as connectHttp2 } from "node:http2";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Echo, startHttpEcho, startTcpEcho } from "../support/echo.ts";
import { type Envoy, liveNames } from "../support/live_config.ts";
import { Mesh } from "../support/mesh.ts";
import { MeshctlRun, type RunReadyLine } from "../support/meshctl_run.ts";
import { rawRequest, reachesTcpEcho, sendRaw } from "../support/raw_http.ts";
import { send } from "../support/requests.ts";

let mesh: Mesh;
let http: Echo;
let tcp: Echo;
let web: MeshctlRun;
let client: MeshctlRun;
let webReady: RunReadyLine;
let clientReady: RunReadyLine;

before(async () => {
  [http, tcp] = await Promise.all([startHttpEcho(), startTcpEcho()]);
  mesh = await Mesh.start({ demo: false });
  const ports = [`http:80:${http.port}`, `http-alt:8080:${http.port}`, `tcp-echo:9000:${tcp.port}`];
  const labels = ["version=v1", "tier=front"].flatMap((label) => ["--label", label]);
  const flags = ["--name", "web-a", "--service-account", "web.front", "--locality", "eu/z1", ...labels];
  web = new MeshctlRun(mesh, ["run", "--service", "web", ...flags, ...ports.flatMap((port) => ["--port", port])]);
  client = new MeshctlRun(mesh, ["run", "--service", "client", "--upstream", "web:9000=127.0.0.2:0"]);
  [webReady, clientReady] = await Promise.all([web.ready(), client.ready()]);
});

after(async () => {
  await Promise.all([web?.stop(), client?.stop()]);
  http?.close();
  tcp?.close();
  await mesh?.remove();
});

async function json(...args: readonly string[]) {
  const { code, stdout, stderr } = await mesh.meshctl([...args, "-o", "json"]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

async function distributed(...args: readonly string[]): Promise<void> {
  const waited = await mesh.meshctl(["wait", "--for=distributed", ...args]);
  assert.equal(waited.code, 0, waited.stderr);
}

async function apply(document: string) {
  const done = await mesh.meshctl(["apply", "-f", "-", "-o", "json"], document);
  assert.equal(done.code, 0, done.stderr);
  return JSON.parse(done.stdout);
}

async function takenPort(): Promise<{ readonly port: number; release(): void }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return { port: typeof address === "object" && address ? address.port : 0, release: () => server.close() };
}

describe("run", () => {
  test("the ready line says who and where", () => {
    assert.equal(webReady.workload, "web-a.default");
    assert.equal(webReady.spiffeId, "spiffe://cluster.local/ns/default/sa/web.front");
    assert.deepEqual(Object.keys(webReady.inbounds), ["http", "http-alt", "tcp-echo"]);
    assert.equal(webReady.inbound, webReady.inbounds.http);
    assert.deepEqual(Object.keys(clientReady.upstreams), ["web:9000"]);
    assert.match(clientReady.upstreams["web:9000"] ?? "", /^127\.0\.0\.2:[1-9]/);
    assert.equal(clientReady.inbound, null);
    assert.deepEqual(Object.keys(webReady.pids), ["meshctl", "envoy"]);
  });

  test("a command gets its environment, its words go to stderr, its status is ours", async () => {
    const script = "env | grep -iE '^(http_proxy|no_proxy|mesh_outbound|node_use_env_proxy)=' | sort; exit 7";
    const run = new MeshctlRun(mesh, ["run", "--service", "job", "--", "sh", "-c", script]);
    const { outbound } = await run.ready();
    const { code, stderr } = await run.ended();
    assert.equal(code, 7);
    assert.deepEqual(stderr.trim().split("\n").sort(), [
      `HTTP_PROXY=http://${outbound}`,
      `MESH_OUTBOUND=http://${outbound}`,
      "NODE_USE_ENV_PROXY=1",
      "NO_PROXY=localhost,127.0.0.1,::1",
      `http_proxy=http://${outbound}`,
    ]);
  });

  test("a signal to the whole group, as a terminal's Ctrl-C, reaches the command once", async () => {
    const script =
      "let n = 0; process.on('SIGINT', () => { n++; console.log('got', n); setTimeout(() => process.exit(40 + n), 400); });" +
      "setInterval(() => {}, 1000); console.log('up');";
    const run = new MeshctlRun(mesh, ["run", "--service", "job", "--", process.execPath, "-e", script]);
    await run.said("up");
    process.kill(-(run.process.pid ?? assert.fail("no pid")), "SIGINT");
    assert.equal((await run.ended()).code, 41);
  });

  test("a taken name and two protocols for a port are refused, a missing name is numbered", async () => {
    const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
      [["--service", "web", "--name", "web-a"], 1, /web-a\.default lives already/],
      [["--service", "web", "--port", "tcp:80:1"], 65, /port 80 has two protocols/],
      [["--service", "web", "--port", "80"], 64, /NAME:PORT/],
      [["--service", "Web"], 65, /lower-case/],
    ];
    for (const [args, code, words] of cases) {
      const refused = await mesh.meshctl(["run", ...args]);
      assert.equal(refused.code, code, args.join(" "));
      assert.match(refused.stderr, words);
    }
    const version = ["--label", "version=v1"];
    const two = [1, 2].map(() => new MeshctlRun(mesh, ["run", "--service", "twin", ...version]));
    const names = await Promise.all(two.map(async (run) => (await run.ready()).workload));
    assert.deepEqual(names.sort(), ["twin-v1-2.default", "twin-v1.default"]);
    assert.deepEqual(await Promise.all(two.map((run) => run.stop("SIGTERM"))), [0, 0]);
  });
});

describe("outbound", () => {
  const via = (): string => clientReady.outbound ?? assert.fail("no way out");
  const hostSeen = (): string => {
    const [seen] = http.takeReached();
    const at = seen?.headers.findIndex((name) => name.toLowerCase() === "host") ?? -1;
    return seen?.headers[at + 1] ?? "";
  };

  const names = ["web", "web.default", "web.default.svc", "web.default.svc.cluster.local", "WEB"];
  for (const host of [...names, ...names.map((name) => `${name}:80`), "web:8080"]) {
    test(`Host ${host} reaches the service, unchanged`, async () => {
      assert.equal((await send({ via: via(), host })).status, 200);
      assert.equal(hostSeen(), host);
    });
  }

  test("without a port it is 80, else the service's only HTTP port", async () => {
    const port = `http:9080:${http.port}`;
    const run = new MeshctlRun(mesh, ["run", "--service", "lonely", "--port", port, "--port", `tcp:90:${tcp.port}`]);
    await run.ready();
    await distributed();
    assert.equal((await send({ via: via(), host: "lonely" })).status, 200);
    assert.equal(hostSeen(), "lonely");
    await run.stop();
  });

  test("absolute form", async () => {
    const bytes = rawRequest({ target: "http://web.default:8080/x?y=1", headers: ["Host: web.default:8080"] });
    const answer = await sendRaw({ to: via(), bytes });
    assert.equal(answer.kind === "http" && answer.status, 200);
    assert.equal(http.takeReached()[0]?.url, "/x?y=1");
  });

  test("h2c", async () => {
    const session = connectHttp2(`http://${via()}`);
    const stream = session.request({ ":path": "/h2", ":authority": "web" });
    const status = await new Promise((resolve, reject) => {
      stream.on("response", (headers) => resolve(headers[":status"]));
      stream.on("error", reject);
    });
    stream.resume();
    session.close();
    assert.equal(status, 200);
    assert.equal(http.takeReached()[0]?.url, "/h2");
  });

  test("an unknown host is asked of DNS; CONNECT answers 405", async () => {
    const host = `localhost:${http.port}`;
    assert.equal((await send({ via: via(), host, path: "/dns" })).status, 200);
    assert.equal(hostSeen(), host);
    for (const target of ["web:80", "elsewhere.example:443"]) {
      const bytes = rawRequest({ method: "CONNECT", target, headers: [`Host: ${target}`] });
      const answer = await sendRaw({ to: via(), bytes });
      assert.equal(answer.kind === "http" && answer.status, 405, target);
    }
  });

  test("TCP goes through its upstream", async () => {
    assert.equal(await reachesTcpEcho(clientReady.upstreams["web:9000"] ?? ""), true);
  });
});

const shop = (weight: number): string => `apiVersion: networking.mesh.io/v1
kind: VirtualService
metadata: {name: shop}
spec: {hosts: [shop.example], http: [{route: [{destination: {host: web, port: {number: 80}}, weight: ${weight}}]}]}
`;
const strict = `apiVersion: security.istio.io/v1beta1
kind: PeerAuthentication
metadata: {name: default}
spec: {mtls: {mode: PERMISSIVE}}
`;

describe("objects", () => {
  test("an apply says what became of each; all unchanged is the current revision", async () => {
    const first = await apply(`${shop(1)}---\n${strict}---\napiVersion: v1\nkind: Secret\nmetadata: {name: x}\n`);
    const results = ({ applied }: { applied: { kind: string; result: string }[] }) =>
      applied.map(({ kind, result }) => `${kind} ${result}`);
    assert.deepEqual(results(first), ["VirtualService created", "PeerAuthentication created", "Secret ignored"]);
    assert.equal(first.warnings.length, 1);
    const second = await apply(`${shop(2)}---\n${strict}`);
    assert.deepEqual(results(second), ["VirtualService configured", "PeerAuthentication unchanged"]);
    const third = await apply(`${shop(2)}---\n${strict}`);
    assert.equal(third.revision, second.revision);
    assert.equal(third.applied[0].generation, 2);
    await distributed("--revision", third.revision);
    assert.equal((await send({ via: clientReady.outbound ?? "", host: "shop.example" })).status, 200);
    http.takeReached();
  });

  test("one bad document refuses the whole apply, with its place; nothing is stored", async () => {
    const before = await json("get", "all", "-A");
    const bad = await mesh.meshctl(["apply", "-f", "-"], `${shop(3)}---\n${strict.replace("PERMISSIVE", "PERMISSIV")}`);
    assert.deepEqual([bad.code, bad.stdout], [65, ""]);
    assert.match(
      bad.stderr,
      /^-:9:\d+: error MSH\d{4}: peerauthentication default\/default spec\.mtls\.mode: .*PERMISSIVE/,
    );
    assert.deepEqual(await json("get", "all", "-A"), before);
  });

  test("a kind goes by all its names; what is there is deleted, then what was not fails", async () => {
    for (const word of ["vs", "virtualservice", "VirtualServices", "vs.networking.istio.io"]) {
      const { stdout } = await mesh.meshctl(["get", word, "shop", "-o", "name"]);
      assert.equal(stdout, "virtualservice.networking.mesh.io/shop\n", word);
    }
    const partly = await mesh.meshctl(["delete", "vs", "shop", "nobody", "-o", "json"]);
    assert.equal(partly.code, 1);
    assert.deepEqual(
      JSON.parse(partly.stdout).deleted.map(({ name, result }: Record<string, string>) => `${name} ${result}`),
      ["shop deleted", "nobody not-found"],
    );
    assert.equal((await mesh.meshctl(["get", "vs", "shop"])).code, 1);
    assert.equal((await mesh.meshctl(["delete", "vs", "shop", "--ignore-not-found"])).code, 0);
  });

  test("endpoints that were put are waited for by their token, and the next request finds them", async () => {
    const put = (endpoints: readonly object[]) =>
      mesh.api("/v1/endpoints/default/ext?source=test", {
        method: "PUT",
        body: JSON.stringify({ ports: [{ name: "http", port: 80 }], endpoints }),
      });
    const answer = await put([{ id: "a", address: "127.0.0.1", ports: { http: http.port } }]);
    const { token } = (await answer.json()) as { token: string };
    await distributed("--revision", token);
    assert.equal((await send({ via: clientReady.outbound ?? "", host: "ext" })).status, 200);
    http.takeReached();
    await put([]);
    await distributed();
    assert.equal((await send({ via: clientReady.outbound ?? "", host: "ext" })).status, 503);
  });
});

const gateway = (ports: readonly number[]): string => `apiVersion: networking.mesh.io/v1
kind: Gateway
metadata: {name: door}
spec:
  selector: {app: door}
  servers:
${ports.map((port) => `  - {port: {number: ${port}, name: http-${port}, protocol: HTTP}, hosts: ["*"]}`).join("\n")}
---
apiVersion: networking.mesh.io/v1
kind: VirtualService
metadata: {name: door}
spec:
  hosts: ["*"]
  gateways: [door]
  http:
  - {match: [{port: ${ports.at(-1)}, uri: {prefix: /last}}, {port: 80, uri: {prefix: /first}}], route: [{destination: {host: web, port: {number: 80}}}]}
`;

describe("gateway run", () => {
  const refuses = async (to: string): Promise<boolean> => {
    const answer = await sendRaw({ to, bytes: rawRequest({ headers: ["Host: x"] }) });
    return answer.kind === "closed" && answer.why === "ECONNREFUSED";
  };

  test("its ports are refused until a Gateway asks; other ports that one asks for are told", async () => {
    const run = new MeshctlRun(mesh, ["gateway", "run", "--name", "door", "--label", "app=door"]);
    const { listeners = {} } = await run.ready();
    assert.deepEqual(Object.keys(listeners), ["80", "443"]);
    const [first = "", second = ""] = Object.values(listeners);
    assert.deepEqual([await refuses(first), await refuses(second)], [true, true]);
    await apply(gateway([80, 8081]));
    await distributed();
    const status = async (via: string, path: string) => (await send({ via, host: "door.example", path })).status;
    assert.deepEqual([await status(first, "/first"), await status(first, "/last")], [200, 404]);
    const { port, address } = await run.event("listener");
    assert.equal(port, 8081);
    await distributed();
    assert.deepEqual([await status(String(address), "/last"), await status(String(address), "/first")], [200, 404]);
    assert.equal(await refuses(second), true);
    await mesh.meshctl(["delete", "-f", "-"], gateway([80, 8081]));
    await distributed();
    assert.equal(await run.stop(), 0);
    http.takeReached();
  });

  test("what an Envoy refuses is 81 and is seen, until it is taken back", async () => {
    const taken = await takenPort();
    taken.release();
    const run = new MeshctlRun(mesh, [
      ...["gateway", "run", "--name", "door", "--label", "app=door", "--port", `80:${taken.port}`],
    ]);
    await run.ready();
    const intruder = createServer();
    await new Promise<void>((resolve) => intruder.listen(taken.port, "127.0.0.1", resolve));
    const before = (await json("proxy-status", "door"))[0].revision;
    await apply(gateway([80]));
    const refused = await mesh.meshctl(["wait", "--for=distributed"]);
    assert.equal(refused.code, 81);
    assert.match(refused.stderr, /^door\.default refused listener: .*Address already in use\n$/);
    const [status] = await json("proxy-status", "door");
    assert.match(status.types.lds.nacked.message, /in use$/);
    assert.equal(status.revision, before);
    assert.equal((await mesh.meshctl(["check"])).code, 79);
    await mesh.meshctl(["delete", "-f", "-"], gateway([80]));
    await distributed();
    assert.equal((await mesh.meshctl(["check"])).code, 0);
    await run.stop();
    intruder.close();
  });
});

describe("what proxies are told", () => {
  test("compiled offline from what `get` prints, it is exactly what the mesh serves, and what Envoy holds", async (t) => {
    const rule = `apiVersion: networking.mesh.io/v1
kind: DestinationRule
metadata: {name: web}
spec: {host: web, subsets: [{name: v1, labels: {version: v1}}]}
`;
    await apply(`${shop(1)}---\n${rule}`);
    await distributed();
    const directory = await mkdtemp(join(tmpdir(), "weft-contract-"));
    t.after(() => rm(directory, { recursive: true, force: true }));
    for (const what of ["workloads,services", "all"]) {
      const { stdout } = await mesh.meshctl(["get", what, "-A", "-o", "yaml"]);
      await writeFile(join(directory, `${what}.yaml`), stdout);
    }
    for (const proxy of ["client", "web-a.default"]) {
      const { secret, ...served } = await json("proxy-config", "all", proxy);
      assert.deepEqual(
        secret.map(({ name }: { name: string }) => name),
        ["ROOTCA", "default"],
      );
      assert.ok(served.cluster.length > 3 && served.endpoint.length > 2);
      assert.deepEqual(await json("compile", "-f", directory, "--proxy", proxy), served);
      const live: Envoy = await json("proxy-config", "all", proxy, "--live");
      const names = (items: readonly { name?: string; clusterName?: string }[]) =>
        items.map(({ name, clusterName }) => name ?? clusterName ?? "").sort();
      const { endpoint, ...others } = liveNames(live);
      const { cluster, listener, route } = served;
      assert.deepEqual(others, { cluster: names(cluster), listener: names(listener), route: names(route) });
      // Envoy also lists the endpoints of clusters that have theirs within.
      assert.deepEqual(
        names(served.endpoint).filter((name) => !endpoint?.includes(name)),
        [],
      );
    }
  });
});
