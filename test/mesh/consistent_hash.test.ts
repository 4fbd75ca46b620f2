/** Consistent hashing on a live mesh of two backends: what has one key goes to one of them, and keys are shared out. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Echo, startHttpEcho } from "../support/echo.ts";
import { LiveObjects } from "../support/live_objects.ts";
import { Mesh } from "../support/mesh.ts";
import { type RequestOptions, send, sendMany } from "../support/requests.ts";
import { type RunningWorkload, Workloads } from "../support/workload.ts";

const users = Array.from({ length: 24 }, (_, at) => `user-${at}`);
const times = 5;

let mesh: Mesh;
let objects: LiveObjects;
let workloads: Workloads;
let caller: RunningWorkload;
const applications: Echo[] = [];

before(async () => {
  mesh = await Mesh.start({ demo: false });
  objects = new LiveObjects(mesh);
  workloads = new Workloads(mesh);
  for (const by of ["one", "two"]) {
    const application = await startHttpEcho({ "x-by": by });
    applications.push(application);
    await workloads.sidecar({ service: "shop", ports: [{ name: "http", port: 80, appPort: application.port }] });
  }
  caller = await workloads.sidecar({ service: "caller" });
});

after(async () => {
  await workloads?.stop();
  for (const application of applications) application.close();
  await mesh?.remove();
});

const hashing = (policy: string): string => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: shop}
spec: {host: shop, trafficPolicy: {loadBalancer: {consistentHash: ${policy}}}}
`;

/** Who answered these requests. */
async function answering(options: Partial<RequestOptions>, count = times): Promise<ReadonlySet<string>> {
  const answers = await sendMany({ via: caller.outbound, host: "shop", ...options }, count, 2);
  assert.ok(answers.every(({ status }) => status === 200));
  return new Set(answers.map(({ headers }) => String(headers["x-by"])));
}

/** Each user's requests go to one backend, and the users to both. */
async function eachHasItsPlace(requestOf: (user: string) => Partial<RequestOptions>): Promise<void> {
  const places = await Promise.all(users.map((user) => answering(requestOf(user))));
  assert.ok(places.every(({ size }) => size === 1));
  assert.equal(new Set(places.flatMap((place) => [...place])).size, 2);
}

test("without a hash one user's requests go to both", async () => {
  assert.equal((await answering({ headers: { "x-user": "ann" } }, 60)).size, 2);
});

test("by a header", async () => {
  await objects.replace(hashing("{httpHeaderName: x-user}"));
  await eachHasItsPlace((user) => ({ headers: { "x-user": user } }));
});

test("by a query parameter, with a maglev table", async () => {
  await objects.replace(hashing("{httpQueryParameterName: user, maglev: {tableSize: 211}}"));
  await eachHasItsPlace((user) => ({ path: `/?user=${user}` }));
});

test("by the source: all that this host's application asks goes to one", async () => {
  await objects.replace(hashing("{useSourceIp: true, ringHash: {minimumRingSize: 64}}"));
  assert.equal((await answering({}, 60)).size, 1);
});

test("by a cookie, which a caller without it is given", async () => {
  await objects.replace(hashing("{httpCookie: {name: user, path: /shop, ttl: 60s}}"));
  await eachHasItsPlace((user) => ({ headers: { cookie: `user=${user}` } }));

  const first = await send({ via: caller.outbound, host: "shop" });

  const [given = ""] = [first.headers["set-cookie"] ?? ""].flat();
  assert.match(given, /^user="?[^;]+"?; Max-Age=60; Path=\/shop; HttpOnly$/);
  const place = await answering({ headers: { cookie: given.split(";")[0] ?? "" } }, 20);
  assert.deepEqual([...place], [first.headers["x-by"]]);
});
