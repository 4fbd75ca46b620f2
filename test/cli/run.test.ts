import assert from "node:assert/strict";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { FakeAgent, readyEvent } from "./support/agent.ts";
import { finish, meshctl, startMeshctl, stateDirectory } from "./support/meshctl.ts";

async function withAgent(t: Parameters<typeof FakeAgent.start>[0]) {
  const agent = await FakeAgent.start(t);
  agent.greeting = [readyEvent(4242)];
  const node = { name: "n", pid: process.pid, api: "http://127.0.0.1:1", xds: "", agents: "", cluster: "local" };
  const directory = await stateDirectory(t, {
    nodes: [node],
    agents: [{ name: "a", pid: process.pid, socket: agent.socket }],
  });
  return { agent, directory };
}

test("the command runs beside its sidecar, with the way out in its environment, and its status is ours", async (t) => {
  const { agent, directory } = await withAgent(t);
  const script =
    "console.log(process.env.MESH_OUTBOUND, process.env.HTTP_PROXY, process.env.NO_PROXY); process.exit(7)";
  const flags = [
    "--service",
    "reviews",
    "--port",
    "http:9080:8080",
    "--label",
    "version=v1",
    "--upstream",
    "db:5432=127.0.0.1:0",
    "--upstream",
    "db:5433=[::1]:6000",
  ];

  const done = await meshctl(["--state-dir", directory, "run", ...flags, "--", process.execPath, "-e", script]);

  assert.equal(done.out, "http://127.0.0.1:15001 http://127.0.0.1:15001 localhost,127.0.0.1,::1\n");
  assert.match(done.err, /reviews-v1\.default is ready/);
  assert.equal(done.status, 7);
  const [asked] = agent.asked;
  assert.ok(asked?.role === "sidecar");
  assert.deepEqual(asked.ports, [{ name: "http", port: 9080, appPort: 8080 }]);
  assert.deepEqual(asked.upstreams, [
    { service: "db", port: 5432, listen: { address: "127.0.0.1", port: 0 } },
    { service: "db", port: 5433, listen: { address: "::1", port: 6000 } },
  ]);
  assert.deepEqual(asked.labels, { version: "v1" });
  assert.deepEqual(agent.withdrawn, [asked.session]);
});

test("with -o json stdout has events only, the command's words go to stderr, and a signal reaches the command", async (t) => {
  const { agent, directory } = await withAgent(t);
  const script = "process.on('SIGTERM', () => process.exit(3)); console.log('up'); setInterval(() => {}, 1e6)";
  const args = [
    "run",
    "--service",
    "reviews",
    "-o",
    "json",
    "--state-dir",
    directory,
    "--",
    process.execPath,
    "-e",
    script,
  ];
  const child = startMeshctl(args);
  const finished = finish(child);
  assert.ok(child.stdout && child.stderr);
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  const [word] = await once(createInterface({ input: child.stderr }), "line");
  assert.equal(word, "up");
  const ready = JSON.parse(line);
  assert.deepEqual(ready, {
    event: "ready",
    workload: "reviews-v1.default",
    spiffeId: "spiffe://cluster.local/ns/default/sa/default",
    outbound: "127.0.0.1:15001",
    inbound: "127.0.0.1:15006",
    inbounds: { http: "127.0.0.1:15006" },
    upstreams: {},
    admin: "127.0.0.1:15000",
    pids: { meshctl: child.pid, envoy: 4242, command: ready.pids.command },
  });
  assert.ok(ready.pids.command > 0);

  child.kill("SIGTERM");

  assert.equal((await finished).status, 3);
  assert.equal(agent.withdrawn.length, 1);
});

test("a sidecar alone stays until it is asked to go, and that is a good end", async (t) => {
  const { agent, directory } = await withAgent(t);
  const child = startMeshctl(["run", "--service", "reviews", "-o", "json", "--state-dir", directory]);
  const finished = finish(child);
  assert.ok(child.stdout);
  const lines = createInterface({ input: child.stdout });
  await once(lines, "line");
  const next = once(lines, "line");
  agent.tell({ event: "restarted", name: "envoy", pid: 99 });
  assert.deepEqual(JSON.parse((await next)[0]), { event: "restarted", name: "envoy", pid: 99 });
  child.kill("SIGINT");
  assert.equal((await finished).status, 0);
});

test("a gateway asks for ports 80 and 443 and the label that Gateways select by", async (t) => {
  const { agent, directory } = await withAgent(t);
  agent.greeting = [{ event: "failed", message: "that is all", exit: 65 }];
  const done = await meshctl(["gateway", "run", "--name", "ingress", "-n", "edge", "--state-dir", directory]);
  assert.equal(done.status, 65);
  assert.match(done.err, /that is all/);
  const [{ session: _, ...asked } = assert.fail()] = agent.asked;
  assert.deepEqual(asked, {
    role: "gateway",
    namespace: "edge",
    name: "ingress",
    serviceAccount: "default",
    labels: { istio: "ingressgateway" },
    locality: "",
    eastWest: false,
    ports: [
      { port: 80, hostPort: 0 },
      { port: 443, hostPort: 0 },
    ],
  });
});

test("what cannot be said of a workload is refused before anybody is asked", async (t) => {
  const { agent, directory } = await withAgent(t);
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [["--port", "80"], 64, /NAME:PORT\[:APP_PORT\]/],
    [["--port", "http:70000"], 64, /1 to 65535/],
    [["--label", "version"], 64, /KEY=VALUE/],
    [["--label", "a b=c"], 65, /label's key/],
    [["--label", "app=a b"], 65, /label's value/],
    [["--upstream", "db:5432"], 64, /SERVICE:PORT=HOST:PORT/],
    [["--upstream", "db:5432=0.0.0.0:0"], 64, /loopback only; write db:5432=127\.0\.0\.1:0/],
    [["--upstream", "db:5432=[::]:7000"], 64, /loopback only; write db:5432=127\.0\.0\.1:7000/],
    [["--upstream", "db:5432=db.example.com:0"], 64, /loopback only/],
  ];
  for (const [args, status, words] of cases) {
    const done = await meshctl(["run", "--service", "reviews", ...args, "--state-dir", directory]);
    assert.equal(done.status, status, args.join(" "));
    assert.match(done.err, words);
  }
  assert.deepEqual(agent.asked, []);
});

test("a command that is not there exits as in a shell", async (t) => {
  const { directory } = await withAgent(t);
  const done = await meshctl(["run", "--service", "reviews", "--state-dir", directory, "--", "/no/such/program"]);
  assert.equal(done.status, 127);
});
