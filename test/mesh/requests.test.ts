/** The request table (test/requests) on a live mesh. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Ask, type RequestCase, requestTable } from "../requests/table.ts";
import {
  answersTo,
  type Caller,
  gatewayPort,
  nameOfVersion,
  upstreams,
  type WorldService,
  withAppPorts,
  worldServices,
} from "../requests/world.ts";
import { startAnyEcho } from "../support/any_echo.ts";
import { type Echo, type Reached, startHttpEcho } from "../support/echo.ts";
import { startGrpcEcho } from "../support/grpc_echo.ts";
import { LiveObjects } from "../support/live_objects.ts";
import { Mesh } from "../support/mesh.ts";
import { countBy, sendMany } from "../support/requests.ts";
import { type Spoken, speak } from "../support/speaking.ts";
import { type RunningWorkload, Workloads } from "../support/workload.ts";

let mesh: Mesh;
let objects: LiveObjects;
let workloads: Workloads;
const applications = new Map<string, Echo>();
/** host:port that each caller connects to. */
const ways = new Map<Caller, string>();
/** SERVICE:PORT → host:port of its first workload, for who has no proxy. */
const doors = new Map<string, string>();
let client: RunningWorkload;

before(async () => {
  mesh = await Mesh.start({ demo: false });
  objects = new LiveObjects(mesh);
  workloads = new Workloads(mesh);
  const failures = new Map<string, number>();
  await Promise.all([
    ...worldServices.flatMap((one) => one.versions.map((version) => startVersion(one, version, failures))),
    startClient(),
    startStranger(),
    startGateway(),
  ]);
});

async function startVersion(of: WorldService, version: string, failures: Map<string, number>): Promise<void> {
  const { service, namespace } = of;
  const name = nameOfVersion(of, version);
  const application = await startApplication(of, name, failures);
  applications.set(name, application);
  const ports = of.ports.map((text) => {
    const [port = "", number] = text.split(":");
    return { name: port, port: Number(number), appPort: application.port };
  });
  const { inbounds } = await workloads.sidecar({ service, namespace, labels: { version }, ports });
  for (const { name, port } of ports) doors.set(`${service}:${port}`, inbounds[name] ?? "");
}

function startApplication({ speaks }: WorldService, name: string, failures: Map<string, number>): Promise<Echo> {
  if (speaks === "grpc") return startGrpcEcho(name, failures);
  if (speaks === "any") return startAnyEcho({ "x-by": name });
  return startHttpEcho({ "x-by": name, "x-powered-by": "echo" }, failures);
}

async function startClient(): Promise<void> {
  const wanted = upstreams.map((one) => {
    const [service = "", port] = one.split(":");
    return { service, port: Number(port) };
  });
  client = await workloads.sidecar({ service: "client", upstreams: wanted });
  ways.set("client", client.outbound);
}

async function startStranger(): Promise<void> {
  const { outbound } = await workloads.sidecar({ service: "stranger", namespace: "other" });
  ways.set("stranger", outbound);
}

async function startGateway(): Promise<void> {
  const { listeners } = await workloads.gateway({ name: "ingress", ports: [gatewayPort] });
  ways.set("gateway", listeners?.[gatewayPort] ?? "");
}

after(async () => {
  await workloads?.stop();
  for (const application of applications.values()) application.close();
  await mesh?.remove();
});

for (const [file, cases] of requestTable()) {
  describe(file, () => {
    for (const one of cases) test(one.case, () => judge(one));
  });
}

async function judge({ given, ask, shares, copies }: RequestCase): Promise<void> {
  await objects.replace(withAppPorts(given, appPortOf));
  for (const who of applications.keys()) takeReached(who);
  let asked = 0;
  for (const one of ask) {
    for (let time = 0; time < (one.times ?? 1); time++) await judgeAsk(one);
    asked += one.times ?? 1;
  }
  for (const [who, [least, most]] of Object.entries(copies ?? {})) {
    const share = (await copiesAt(who, least * asked)) / asked;
    assert.ok(share >= least && share <= most, `${who} got copies of ${share} of the requests`);
  }
  if (!shares) return;
  const { of, to, path, ...wanted } = shares;
  const answers = await sendMany({ via: wayOf("client"), host: to, ...(path && { path }) }, of);
  const counts = countBy(answers, ({ headers }) => String(headers["x-by"] ?? "nobody"));
  for (const [who, range] of Object.entries(wanted)) {
    const [least = 0, most = 1] = range as readonly number[];
    const got = Object.entries(counts).filter(([by]) => answersTo(who, by));
    const share = got.reduce((sum, [, count]) => sum + count, 0) / of;
    assert.ok(share >= least && share <= most, `${who} got ${share} of ${of}`);
  }
}

/** Envoy's timers count whole milliseconds, and begin a little before we do. */
const clockStepMs = 5;

async function judgeAsk(ask: Ask): Promise<void> {
  if (ask.tries !== undefined) takeReached();
  const before = performance.now();
  assertAnswer(ask, await answerTo(ask));
  const tookMs = performance.now() - before;
  if (ask.tries !== undefined) assert.equal(takeReached(), ask.tries, `tries of ${JSON.stringify(ask)}`);
  const [least, most] = ask.takes ?? [0, Number.POSITIVE_INFINITY];
  assert.ok(tookMs >= least - clockStepMs && tookMs <= most, `${JSON.stringify(ask)} took ${tookMs} ms`);
}

function wayOf(caller: Caller): string {
  return ways.get(caller) ?? assert.fail(`there is no ${caller}`);
}

function appPortOf(service: string): number {
  const [, application] = [...applications].find(([name]) => answersTo(service, name)) ?? [];
  return application?.port ?? assert.fail(`there is no ${service}`);
}

function answerTo({
  from = "client",
  over = "http1",
  to,
  path = "/",
  method = "GET",
  headers = {},
}: Ask): Promise<Spoken> {
  const via = from === "outside" ? doors.get(to) : over === "tcp" ? client.upstreams[to] : wayOf(from);
  return speak(over, { via: via ?? assert.fail(`nothing leads to ${to}`), host: to, path, method, headers });
}

function assertAnswer(ask: Ask, { status, headers, body, grpc }: Spoken): void {
  const { by, saw, got, spoken, body: text } = ask;
  const asked = JSON.stringify(ask);
  assert.equal(status, ask.status, asked);
  if (grpc !== undefined) assert.equal(grpc, ask.grpc ?? "OK", `${asked}: ${body}`);
  if (spoken !== undefined) assert.equal(headers["x-spoken"], spoken, asked);
  const who = String(headers["x-by"] ?? "nobody");
  if (by !== undefined) assert.ok(answersTo(by, who), `${asked} was answered by ${who}`);
  if (text !== undefined) assert.equal(body, text, asked);
  for (const [name, value] of Object.entries(got ?? {})) assertSame(headers[name], value, `${asked} ${name}`);
  if (!saw) return;
  const reached: Reached = JSON.parse(body);
  for (const [name, value] of Object.entries(saw)) {
    assertSame(name === "path" ? reached.url : headerOf(reached, name), value, `${asked} ${name}`);
  }
}

/** @param wanted "~text": contains it */
function assertSame(found: string | readonly string[] | undefined, wanted: string, asked: string): void {
  const value = String(found ?? "");
  if (wanted.startsWith("~")) assert.ok(value.includes(wanted.slice(1)), `${asked}: ${value}`);
  else assert.equal(value, wanted, asked);
}

function headerOf({ headers }: Reached, wanted: string): string {
  return headers.filter((_, at) => at % 2 === 1 && headers[at - 1]?.toLowerCase() === wanted).join(",");
}

/** How many requests reached `who` since the last call. @param who absent: anybody */
function takeReached(who?: string): number {
  const theirs = [...applications].filter(([name]) => who === undefined || answersTo(who, name));
  return theirs.reduce((sum, [, application]) => sum + application.takeReached().length, 0);
}

/** Copies may come after the answers: as many as are wanted are waited for. */
async function copiesAt(who: string, least: number): Promise<number> {
  let count = takeReached(who);
  for (let tries = 0; count < least && tries < 200; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    count += takeReached(who);
  }
  return count;
}
