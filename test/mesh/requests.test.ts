/** The request table (test/requests) on a live mesh. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Ask, type RequestCase, requestTable } from "../requests/table.ts";
import { type Echo, type Reached, startHttpEcho } from "../support/echo.ts";
import { LiveObjects } from "../support/live_objects.ts";
import { Mesh } from "../support/mesh.ts";
import { type Answer, countBy, send, sendMany } from "../support/requests.ts";
import { type RunningWorkload, Workloads } from "../support/workload.ts";

const services = ["reviews", "ratings", "cart"];

let mesh: Mesh;
let objects: LiveObjects;
let workloads: Workloads;
let client: RunningWorkload;
const applications = new Map<string, Echo>();

before(async () => {
  mesh = await Mesh.start({ demo: false });
  objects = new LiveObjects(mesh);
  workloads = new Workloads(mesh);
  for (const service of services) {
    const application = await startHttpEcho({ "x-by": `${service} v1`, "x-powered-by": "echo" });
    applications.set(`${service} v1`, application);
    const ports = [{ name: "http", port: 9080, appPort: application.port }];
    await workloads.sidecar({ service, labels: { version: "v1" }, ports });
  }
  client = await workloads.sidecar({ service: "client" });
});

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

async function judge({ given, ask = [], shares, copies }: RequestCase): Promise<void> {
  await objects.replace(given);
  for (const application of applications.values()) application.takeReached();
  let asked = 0;
  for (const one of ask) {
    for (let time = 0; time < (one.times ?? 1); time++) assertAnswer(one, await answerTo(one));
    asked += one.times ?? 1;
  }
  for (const [who, [least, most]] of Object.entries(copies ?? {})) {
    const share = (await copiesAt(who, least * asked)) / asked;
    assert.ok(share >= least && share <= most, `${who} got copies of ${share} of the requests`);
  }
  if (!shares) return;
  const { of, to, path, ...wanted } = shares;
  const answers = await sendMany({ via: client.outbound, host: to, ...(path && { path }) }, of);
  const counts = countBy(answers, ({ headers }) => String(headers["x-by"] ?? "nobody"));
  for (const [who, range] of Object.entries(wanted)) {
    const [least = 0, most = 1] = range as readonly number[];
    const share = (counts[who] ?? 0) / of;
    assert.ok(share >= least && share <= most, `${who} got ${share} of ${of}`);
  }
}

function answerTo({ to, path = "/", method = "GET", headers = {} }: Ask): Promise<Answer> {
  return send({ via: client.outbound, host: to, path, method, headers });
}

function assertAnswer(ask: Ask, { status, headers, body }: Answer): void {
  const { by, saw, got, body: text } = ask;
  const asked = JSON.stringify(ask);
  assert.equal(status, ask.status, asked);
  if (by !== undefined) assert.equal(headers["x-by"], by, asked);
  if (text !== undefined) assert.equal(body, text, asked);
  for (const [name, value] of Object.entries(got ?? {}))
    assert.equal(String(headers[name] ?? ""), value, `${asked} ${name}`);
  if (!saw) return;
  const reached: Reached = JSON.parse(body);
  for (const [name, value] of Object.entries(saw)) {
    assert.equal(name === "path" ? reached.url : headerOf(reached, name), value, `${asked} ${name}`);
  }
}

function headerOf({ headers }: Reached, wanted: string): string {
  return headers.filter((_, at) => at % 2 === 1 && headers[at - 1]?.toLowerCase() === wanted).join(",");
}

/** Copies may come after the answers: as many as are wanted are waited for. */
async function copiesAt(who: string, least: number): Promise<number> {
  const application = applications.get(who) ?? assert.fail(`no application ${who}`);
  let count = application.takeReached().length;
  for (let tries = 0; count < least && tries < 200; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    count += application.takeReached().length;
  }
  return count;
}
