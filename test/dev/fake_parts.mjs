// Stands in for nats-server, meshd and mesh-agent, so that the supervision can be tested without them: behaves as they do
// towards `dev` (ports, ready lines, the API's three calls, the run protocol), and ends when its standard input does.
//   fake_parts.mjs nats -c FILE · fake_parts.mjs …/meshd/main.ts FLAGS · fake_parts.mjs …/agent/main.ts FLAGS
// Anything else runs as it is. FAKE_FAIL=NAME makes that part fail at its start; FAKE_THIEF=FILE makes meshd's first start
// (FILE is not there) fail because another process, whose pid is then in FILE, took its port; what happens goes to
// FAKE_JOURNAL.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request as httpRequest } from "node:http";
import { createServer as createTcpServer } from "node:net";

// What comes before the program is Node's.
const given = process.argv.slice(2);
const [program, ...args] = given.slice(given.findIndex((word) => !word.startsWith("--")));
const flag = (name) => args[args.indexOf(name) + 1];
const journal = (line) => {
  if (process.env.FAKE_JOURNAL) appendFileSync(process.env.FAKE_JOURNAL, `${line}\n`);
};
const part = program === "nats" ? "nats" : (/\/(meshd|agent)\/main\.[jt]s$/.exec(program)?.[1] ?? "other");

if (part === "other") {
  const child = spawn(process.execPath, [program, ...args], { stdio: "inherit" });
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(signal ? 1 : code));
} else {
  if (process.env.FAKE_FAIL === part) {
    process.stderr.write(`${part} cannot start: a planted failure\n`);
    process.exit(3);
  }
  journal(`start ${part}`);
  const end = (why) => {
    journal(`stop ${part} ${why}`);
    process.exit(0);
  };
  process.on("SIGTERM", () => end("asked"));
  process.stdin.resume();
  process.stdin.on("end", () => end("orphaned"));
  await { nats, meshd, agent }[part]();
}

function listen(server, ...where) {
  return new Promise((resolve) => server.listen(...where, resolve));
}

async function nats() {
  const configuration = readFileSync(flag("-c"), "utf8");
  const port = Number(/127\.0\.0\.1:(\d+)/.exec(configuration)[1]);
  const name = /server_name: "(.*)"/.exec(configuration)[1];
  await listen(
    createTcpServer((socket) => socket.on("error", () => {}).end(`INFO {"server_name":"${name}"}\r\n`)),
    port,
    "127.0.0.1",
  );
}

async function meshd() {
  const [host, port] = flag("--api").split(":");
  if (process.env.FAKE_THIEF && !existsSync(process.env.FAKE_THIEF)) await beRobbed(Number(port));
  const api = createServer((request, response) => {
    const answers = { "/readyz": [200, {}], "/v1/tokens": [201, { token: "t-1" }] };
    const isApply = request.url.startsWith("/v1/apply");
    if (isApply) journal("apply");
    const apply = [200, { revision: "1", applied: [], warnings: [] }];
    // Every object that is asked for is there.
    const [status, body] = isApply ? apply : (answers[request.url] ?? [200, {}]);
    request.resume().on("end", () => response.writeHead(status).end(JSON.stringify(body)));
  });
  await listen(api, Number(port), host);
  console.log(JSON.stringify({ event: "ready", api: flag("--api") }));
}

async function beRobbed(port) {
  const thief = `require("node:net").createServer().listen(${port}, "127.0.0.1", () => console.log("mine"))`;
  const child = spawn(process.execPath, ["-e", thief], { detached: true, stdio: ["ignore", "pipe", "ignore"] });
  await once(child.stdout, "data");
  writeFileSync(process.env.FAKE_THIEF, String(child.pid));
  process.exit(1);
}

/** Its "Envoys" are one outbound proxy that knows every workload's app, and one ingress to productpage. */
async function agent() {
  const apps = new Map();
  const forward = (service, path, request, response) => {
    const options = { host: "127.0.0.1", port: apps.get(service), path, headers: request.headers, agent: false };
    const onward = httpRequest(options, (answer) => {
      response.writeHead(answer.statusCode);
      answer.pipe(response);
    });
    onward.on("error", () => response.writeHead(503).end());
    onward.end();
  };
  const outbound = createServer((request, response) => {
    const { pathname, hostname } = new URL(request.url);
    forward(hostname, pathname, request, response);
  });
  await listen(outbound, 0, "127.0.0.1");
  const socket = flag("--socket");
  rmSync(socket, { force: true });
  const runs = createServer((request, response) => {
    if (request.method === "DELETE") {
      journal(`withdraw ${request.url.split("/").at(-1)}`);
      return response.end();
    }
    let body = "";
    request.on("data", (data) => {
      body += data;
    });
    request.on("end", async () => {
      const run = JSON.parse(body);
      const gateway = run.role === "gateway";
      if (gateway) {
        const ingress = createServer((asked, answer) => forward("productpage", asked.url, asked, answer));
        await listen(ingress, run.ports[0].hostPort, "127.0.0.1");
      } else apps.set(run.service, run.ports[0].appPort);
      const ready = {
        event: "ready",
        workload: `${run.name}.${run.namespace}`,
        spiffeId: `spiffe://cluster.local/ns/${run.namespace}/sa/${run.serviceAccount}`,
        outbound: gateway ? null : `127.0.0.1:${outbound.address().port}`,
        inbound: null,
        inbounds: {},
        upstreams: {},
        ...(gateway && { listeners: { 80: `127.0.0.1:${run.ports[0].hostPort}` } }),
        admin: "127.0.0.1:1",
        envoyPid: process.pid,
      };
      response.write(`${JSON.stringify(ready)}\n`);
    });
  });
  await listen(runs, socket);
  console.log(JSON.stringify({ event: "ready" }));
}
