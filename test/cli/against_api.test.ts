/** The commands against a node's real API (its store in memory, what lies behind it faked). */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startTestApi, virtualService } from "../api/support/api.ts";
import { FakeAgent } from "./support/agent.ts";
import { meshctl, stateDirectory, temporaryDirectory } from "./support/meshctl.ts";

async function mesh(t: TestContext) {
  const api = await startTestApi(t);
  const node = { name: "meshd-0", pid: process.pid, api: api.url, xds: "", agents: "", cluster: "local" };
  const directory = await stateDirectory(t, { nodes: [node] });
  const run = (...args: readonly string[]) => meshctl([...args, "--state-dir", directory]);
  const feed = (stdin: string, ...args: readonly string[]) => meshctl([...args, "--state-dir", directory], { stdin });
  return { ...api, directory, run, feed };
}

test("apply, get and delete, by file and by name", async (t) => {
  const { run, feed } = await mesh(t);
  const files = await temporaryDirectory(t);
  await writeFile(join(files, "a.yaml"), virtualService("a"));
  await writeFile(join(files, "b.yml"), virtualService("b", [1, 99], "other"));
  await writeFile(join(files, "notes.txt"), "not for us");

  const applied = await run("apply", "-f", files, "-o", "json");
  assert.equal(applied.status, 0, applied.err);
  const { revision, applied: objects } = JSON.parse(applied.out);
  assert.match(revision, /-\d+$/);
  assert.deepEqual(
    objects.map(({ kind, namespace, name, generation, result }: Record<string, unknown>) =>
      [kind, namespace, name, generation, result].join(" "),
    ),
    ["VirtualService default a 1 created", "VirtualService other b 1 created"],
  );
  assert.match((await run("apply", "-f", files)).out, /virtualservice\/default\/a +unchanged +1/);

  assert.match((await run("get", "vs")).out, /^NAME +GATEWAYS +HOSTS +AGE\na +a +/);
  assert.match((await run("get", "vs", "-A")).out, /^NAMESPACE +NAME[^\n]*\ndefault +a [^\n]*\nother +b /);
  assert.equal(
    (await run("get", "vs", "-A", "-o", "name")).out,
    "virtualservice.networking.istio.io/a\nvirtualservice.networking.istio.io/b\n",
  );
  assert.equal(
    JSON.parse((await run("get", "virtualservices", "b", "-n", "other", "-o", "json")).out).spec.hosts[0],
    "b",
  );
  assert.equal(JSON.parse((await run("get", "all", "-A", "-o", "json")).out).items.length, 2);
  assert.match(
    (await run("get", "vs", "a", "-o", "yaml")).out,
    /^apiVersion: networking\.istio\.io\/v1\nkind: VirtualService\n/,
  );
  const none = await run("get", "dr");
  assert.deepEqual([none.status, none.out], [0, ""]);
  assert.match(none.err, /nothing found/);

  const again = await feed((await run("get", "vs", "a", "-o", "yaml")).out, "apply", "-f", "-");
  assert.match(again.out, /unchanged/);

  const partly = await run("delete", "vs", "a", "nobody");
  assert.equal(partly.status, 1);
  assert.match(partly.out, /virtualservice\/default\/a +deleted/);
  assert.match(partly.err, /not found: virtualservice\/default\/nobody/);
  assert.equal((await run("get", "vs", "a")).status, 1);
  assert.equal((await run("delete", "vs", "nobody", "--ignore-not-found")).status, 0);
  assert.equal((await run("delete", "-f", join(files, "b.yml"))).status, 0);
});

test("names may be several, or KIND/NAME; kinds too", async (t) => {
  const { run, feed } = await mesh(t);
  await feed([virtualService("a"), virtualService("b")].join("---\n"), "apply", "-f", "-");
  const names = "virtualservice.networking.istio.io/a\nvirtualservice.networking.istio.io/b\n";
  assert.equal((await run("get", "vs", "a", "b", "-o=name")).out, names);
  assert.equal((await run("get", "vs/a", "virtualservice.networking.mesh.io/b", "-o", "name")).out, names);
  assert.equal((await run("get", "vs,dr", "-o", "name")).out, names);
  const partly = await run("get", "vs", "a", "nobody");
  assert.equal(partly.status, 1);
  assert.match(partly.out, /^a /m);
  assert.match(partly.err, /nobody/);
  const deleted = await run("delete", "vs/a", "vs/b", "-o", "name");
  assert.equal(deleted.out, names.replaceAll("istio.io", "mesh.io"));
});

test("a word that means nothing is 64, with what was meant", async (t) => {
  const { run } = await mesh(t);
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["get", "virtualservce"], /did you mean virtualservice/],
    [["get", "vs", "-l", "a b"], /selector/],
    [["delete", "workload", "a"], /not applied or deleted/],
    [["wait", "--for=distributed", "--revision", "nonsense"], /no revision/],
    [["apply", "reviews.yaml"], /apply -f reviews\.yaml/],
    [["aply"], /did you mean apply/],
  ];
  for (const [args, words] of cases) {
    const { status, err } = await run(...args);
    assert.equal(status, 64, args.join(" "));
    assert.match(err, words);
  }
});

test("a variable that says no, or nothing, is not set", async (t) => {
  const { url, apply } = await startTestApi(t);
  await apply(virtualService("a", [1, 99], "other"));
  const get = async (value: string) => {
    const environment = {
      MESHCTL_SERVER: url,
      MESHCTL_ALL_NAMESPACES: value,
      MESHCTL_STATE_DIR: "",
      MESHCTL_CLUSTER: "",
    };
    return (await meshctl(["get", "vs", "-o", "name"], { environment })).out !== "";
  };
  assert.deepEqual([await get("false"), await get(""), await get("1"), await get("true")], [false, false, true, true]);
});

test("bad input is 65 with file, line and column of every mistake on stderr, and nothing on stdout", async (t) => {
  const { run, feed, ports } = await mesh(t);
  const files = await temporaryDirectory(t);
  const bad = join(files, "bad.yaml");
  await writeFile(bad, virtualService("reviews").replace("weight: 90", "wieght: 90"));
  const done = await run("apply", "-f", bad);
  assert.deepEqual([done.status, done.out], [65, ""]);
  assert.ok(done.err.startsWith(`${bad}:10:11: error MSH`), done.err);
  assert.match(done.err, /weight/);
  const piped = await feed("{", "apply", "-f", "-");
  assert.equal(piped.status, 65);
  assert.match(piped.err, /^-:1:\d+: error/);
  for (const missing of [join(files, "nothing.yaml"), await temporaryDirectory(t)]) {
    assert.equal((await run("apply", "-f", missing)).status, 65);
  }
  assert.equal((await run("apply")).status, 64);
  assert.equal(ports.mirror.position().records, 0);
});

test("warnings go to stderr and the apply is good", async (t) => {
  const { run, feed } = await mesh(t);
  const done = await feed("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n", "apply", "-f", "-");
  assert.equal(done.status, 0);
  assert.match(done.err, /^-:1:1: warning MSH/);
  assert.match(done.out, /configmap\/\S+ +ignored/);
  const dry = await feed(virtualService("reviews"), "apply", "-f", "-", "--dry-run");
  assert.match(dry.out, /created/);
  assert.equal((await run("get", "vs", "reviews")).status, 1);
});

test("wait: 0 when distributed, 81 when refused, 80 when the time comes", async (t) => {
  const { run, around } = await mesh(t);
  const wait = (...args: readonly string[]) => run("wait", "--for=distributed", ...args);
  around.distribution = async () => ({ kind: "distributed", proxies: 4 });
  const good = await wait("-o", "json");
  assert.equal(good.status, 0, good.err);
  const { revision, endpointsToken, ...rest } = JSON.parse(good.out);
  assert.deepEqual(rest, { distributed: true, proxies: 4 });
  assert.equal((await run("wait", "-o", "json")).out, good.out);
  assert.match((await wait()).err, new RegExp(`revision ${revision}, endpoints ${endpointsToken} at 4 proxies`));
  const byToken = JSON.parse((await wait("--endpoints", endpointsToken, "-o", "json")).out);
  assert.deepEqual(byToken, { distributed: true, endpointsToken, proxies: 4 });
  around.distribution = async () => ({
    kind: "refused",
    refusals: [{ proxy: "a.default", type: "lds", message: "bad filter" }],
  });
  const refused = await wait();
  assert.equal(refused.status, 81);
  assert.match(refused.err, /a\.default refused lds: bad filter/);
  around.distribution = (_position, signal) =>
    new Promise((resolve) =>
      signal.addEventListener("abort", () => resolve({ kind: "pending", proxies: ["slow.default"] })),
    );
  const late = await wait("--timeout", "50ms");
  assert.equal(late.status, 80);
  assert.match(late.err, /slow\.default/);
  assert.equal((await wait("--revision", "other-1")).status, 1);
});

test("proxy-status asks all nodes at once: frozen ones cost one wait, and are named", async (t) => {
  const api = await startTestApi(t);
  const frozen = await Promise.all(
    ["meshd-1", "meshd-2"].map(async (name) => {
      const server = createServer(() => {}).listen(0, "127.0.0.1");
      t.after(() => server.close());
      await once(server, "listening");
      const address = server.address();
      assert.ok(address !== null && typeof address === "object");
      return nodeAt(name, `http://127.0.0.1:${address.port}`);
    }),
  );
  const directory = await stateDirectory(t, { nodes: [...frozen, nodeAt("meshd-0", api.url)] });
  api.around.silent = ["meshd-1", "meshd-3"];
  const beganMs = performance.now();
  const done = await meshctl(["proxy-status", "--timeout", "1500ms", "--state-dir", directory]);
  const tookMs = performance.now() - beganMs;
  assert.equal(done.status, 0, done.err);
  assert.match(done.out, /reviews-v1/);
  for (const name of ["meshd-1", "meshd-2", "meshd-3"]) assert.match(done.err, new RegExp(`${name} \\(`));
  assert.equal(done.err.split("meshd-1").length, 2, "each is named once");
  assert.ok(tookMs < 2 * 1_500, `${tookMs} ms`);
});

test("proxy-status with no node that answers says why of each", async (t) => {
  const directory = await stateDirectory(t, { nodes: [nodeAt("meshd-0", "http://127.0.0.1:1")] });
  const done = await meshctl(["proxy-status", "--state-dir", directory]);
  assert.equal(done.status, 1);
  assert.match(done.err, /no node answers: meshd-0 \(/);
});

function nodeAt(name: string, api: string) {
  return { name, pid: process.pid, api, xds: "", agents: "", cluster: "local" };
}

test("proxy-status and proxy-config say what the node says", async (t) => {
  const { run } = await mesh(t);
  const table = await run("proxy-status");
  assert.match(table.out, /reviews-v1\.default +meshd-0 +yes +SYNCED +- +REFUSED +- +x-1/);
  assert.match(table.err, /refused lds 3: no/);
  assert.equal(JSON.parse((await run("proxy-status", "-o", "json")).out)[0].types.lds.nacked.version, "3");
  assert.equal((await run("proxy-status", "nobody")).status, 1);
  assert.match((await run("proxy-config", "cluster", "reviews-v1")).out, /cluster +outbound\|80\|\|ratings/);
  const json = await run("proxy-config", "cluster", "reviews-v1.default", "-o", "json");
  assert.deepEqual(JSON.parse(json.out), [{ name: "outbound|80||ratings" }]);
  assert.equal((await run("proxy-config", "cluster", "nobody")).status, 1);
  assert.equal((await run("proxy-config", "sekrets", "reviews-v1")).status, 64);
  assert.deepEqual(
    JSON.parse((await run("proxy-config", "clusters", "reviews-v1", "-o", "json")).out),
    JSON.parse(json.out),
  );
});

test("proxy-config --live asks the Envoy itself, by its agent's word, and shows no private key", async (t) => {
  const dump = {
    configs: [
      { "@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump", version_info: "7" },
      {
        "@type": "type.googleapis.com/envoy.admin.v3.SecretsConfigDump",
        dynamic_active_secrets: [{ secret: { tls_certificate: { private_key: { inline_bytes: "S0VZ" } } } }],
      },
    ],
  };
  const envoy = createHttpServer((_request, response) => void response.end(JSON.stringify(dump))).listen(
    0,
    "127.0.0.1",
  );
  await once(envoy, "listening");
  t.after(() => envoy.close());
  const address = envoy.address();
  const agent = await FakeAgent.start(t);
  agent.workloads = [
    { workload: "reviews-v1.default", admin: `127.0.0.1:${typeof address === "object" && address ? address.port : 0}` },
  ];
  const node = { name: "n", pid: process.pid, api: "http://127.0.0.1:1", xds: "", agents: "", cluster: "local" };
  const agents = [{ name: "a", pid: process.pid, socket: agent.socket }];
  const directory = await stateDirectory(t, { nodes: [node], agents });
  const live = (...args: readonly string[]) =>
    meshctl(["proxy-config", ...args, "--live", "--state-dir", directory, "-o", "json"]);
  assert.deepEqual(JSON.parse((await live("cluster", "reviews-v1")).out), [dump.configs[0]]);
  const secrets = await live("all", "reviews-v1");
  assert.equal(JSON.parse(secrets.out).secret.length, 1);
  assert.doesNotMatch(secrets.out, /S0VZ/);
  assert.equal((await live("cluster", "nobody")).status, 1);
});

test("a file over the limit of one apply is refused before it is sent", async (t) => {
  const { run } = await mesh(t);
  const path = join(await temporaryDirectory(t), "huge.yaml");
  await writeFile(path, Buffer.alloc(10 * 1024 * 1024, "# x\n"));
  const done = await run("apply", "-f", path);
  assert.equal(done.status, 65);
  assert.match(done.err, /huge\.yaml:1:1: error MSH1001: more than/);
});

test("check is 0 when all is well and 79 with what is broken", async (t) => {
  const { run, around } = await mesh(t);
  assert.equal((await run("check")).status, 0);
  around.findings = [
    { part: "proxy a.default", state: "failed", message: "its certificate has expired", next: "see the agent" },
  ];
  const broken = await run("check");
  assert.equal(broken.status, 79);
  assert.match(broken.out, /proxy a\.default +failed +its certificate has expired; see the agent/);
  around.findings = [];
  around.ready = ["no certificate yet"];
  assert.match((await run("check")).out, /not ready: no certificate yet/);
});

test("token create prints the token alone on stdout", async (t) => {
  const { run } = await mesh(t);
  const made = await run("token", "create", "--ttl", "10m");
  assert.deepEqual([made.status, made.out], [0, "secret\n"]);
  assert.match(made.err, /works once/);
});

test("a token that the API wants is taken from dev.json or the environment", async (t) => {
  const api = await startTestApi(t, { access: { hosts: [], origins: [], token: "s3cret" } });
  const node = { name: "meshd-0", pid: process.pid, api: api.url, xds: "", agents: "", cluster: "local" };
  const directory = await stateDirectory(t, { nodes: [node], token: "s3cret" });
  assert.equal((await meshctl(["get", "vs", "--state-dir", directory])).status, 0);
  assert.equal((await meshctl(["get", "vs", "--server", api.url])).status, 1);
  const environment = { MESHCTL_SERVER: api.url, MESHCTL_TOKEN: "s3cret" };
  assert.equal((await meshctl(["get", "vs"], { environment })).status, 0);
});

test("a node that is gone is passed over for one that answers", async (t) => {
  const api = await startTestApi(t);
  const closed = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => closed.on("listening", resolve));
  const address = closed.address();
  const port = typeof address === "object" && address ? address.port : 0;
  await new Promise((resolve) => closed.close(resolve));
  const base = { pid: process.pid, xds: "", agents: "", cluster: "local" };
  const nodes = [
    { ...base, name: "meshd-0", api: `http://127.0.0.1:${port}` },
    { ...base, name: "meshd-1", api: api.url },
  ];
  const directory = await stateDirectory(t, { nodes });
  assert.equal((await meshctl(["get", "vs", "--state-dir", directory])).status, 0);
  const waited = await meshctl(["wait", "--for=distributed", "--state-dir", directory]);
  assert.equal(waited.status, 0);
  assert.match(waited.err, /meshd-0 cannot be asked/);
});

test("explain gives the schema's words, and the nearest right name", async () => {
  const found = await meshctl(["explain", "vs.http.retries"]);
  assert.equal(found.status, 0);
  assert.match(found.out, /attempts/);
  const wrong = await meshctl(["explain", "vs.http.retrys"]);
  assert.equal(wrong.status, 64);
  assert.match(wrong.err, /retries/);
});
