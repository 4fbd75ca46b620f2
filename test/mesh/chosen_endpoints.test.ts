/**
 * Which endpoint a DestinationRule chooses, on a live mesh. By a hash, of two alike: what has one key goes to one of them,
 * and keys are shared out. By locality and label: of one in the caller's zone and one in another region that has its label.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Echo, type Patient, startHttpEcho, startPatient } from "../support/echo.ts";
import { LiveObjects } from "../support/live_objects.ts";
import { Mesh } from "../support/mesh.ts";
import { type RequestOptions, send, sendMany } from "../support/requests.ts";
import { type RunningWorkload, Workloads } from "../support/workload.ts";

const users = Array.from({ length: 16 }, (_, at) => `user-${at}`);
const times = 4;

let mesh: Mesh;
let objects: LiveObjects;
let workloads: Workloads;
let caller: RunningWorkload;
const applications: Echo[] = [];
let near: Patient;
let far: Patient;

before(async () => {
  mesh = await Mesh.start({ demo: false });
  objects = new LiveObjects(mesh);
  workloads = new Workloads(mesh);
  const [one, two] = await Promise.all(["one", "two"].map((by) => startHttpEcho({ "x-by": by })));
  [near, far] = await Promise.all([startPatient(), startPatient()]);
  assert.ok(one && two);
  applications.push(one, two, near, far);
  const serve = (service: string, { port }: Echo, locality: string, labels = {}): Promise<RunningWorkload> =>
    workloads.sidecar({ service, locality, labels, ports: [{ name: "http", port: 80, appPort: port }] });
  [caller] = await Promise.all([
    workloads.sidecar({ service: "caller", locality: "eu/a", labels: { tier: "gold" } }),
    serve("shop", one, ""),
    serve("shop", two, ""),
    serve("zoned", near, "eu/a"),
    serve("zoned", far, "us/a"),
    serve("tiered", near, "eu/a"),
    serve("tiered", far, "us/a", { tier: "gold" }),
  ]);
  // The caller may have begun before the others.
  await objects.replace("");
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
  await objects.replace(
    hashing("{httpCookie: {name: user, path: /shop, ttl: 60s, attributes: [{name: SameSite, value: Strict}]}}"),
  );
  await eachHasItsPlace((user) => ({ headers: { cookie: `user=${user}` } }));

  const first = await send({ via: caller.outbound, host: "shop" });

  const [given = ""] = [first.headers["set-cookie"] ?? ""].flat();
  assert.match(given, /^user="?[^;]+"?; Max-Age=60; Path=\/shop; SameSite=Strict; HttpOnly$/);
  const place = await answering({ headers: { cookie: given.split(";")[0] ?? "" } }, 20);
  assert.deepEqual([...place], [first.headers["x-by"]]);
});

const ruleFor = (host: string, policy: string): string => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ${host}}
spec: {host: ${host}, trafficPolicy: ${policy}}
`;

/** How many of the requests reached each. */
async function shares(host: string, count: number): Promise<{ readonly near: number; readonly far: number }> {
  for (const application of [near, far]) application.takeReached();
  await sendMany({ via: caller.outbound, host }, count, 1);
  return { near: near.takeReached().length, far: far.takeReached().length };
}

const ejection = "{consecutive5xxErrors: 3, interval: 500ms, baseEjectionTime: 60s, maxEjectionPercent: 100}";

test("all stay in the zone while its endpoint is well, and go to the other region while it is out", async () => {
  await objects.replace(
    ruleFor("zoned", `{outlierDetection: ${ejection}, loadBalancer: {localityLbSetting: {enabled: true}}}`),
  );
  assert.deepEqual(await shares("zoned", 30), { near: 30, far: 0 });

  near.status = 500;

  // Three errors put it out; its Envoy may send another before all of its threads know.
  const { near: met, far: away } = await shares("zoned", 30);
  assert.ok(met >= 3 && met <= 6 && met + away === 30, `${met} met the ill one, ${away} went away`);
  near.status = 200;
});

test("all go to the endpoint that has the caller's label, and to the other one while it is out", async () => {
  const setting = "{failoverPriority: [tier]}";
  await objects.replace(
    ruleFor("tiered", `{outlierDetection: ${ejection}, loadBalancer: {localityLbSetting: ${setting}}}`),
  );
  assert.deepEqual(await shares("tiered", 30), { near: 0, far: 30 });

  far.status = 500;

  // It is out after three errors; to its threads Envoy says so with the next changes, at most a second after the last ones.
  let met = 0;
  while (met === 0) met = (await shares("tiered", 10)).near;
  assert.deepEqual(await shares("tiered", 30), { near: 30, far: 0 });
  far.status = 200;
});

test("shares of the localities, whatever is near", async () => {
  const to = "{eu/a: 25, us/*: 75}";
  await objects.replace(
    ruleFor("zoned", `{loadBalancer: {localityLbSetting: {distribute: [{from: eu/*, to: ${to}}]}}}`),
  );

  const { far: away } = await shares("zoned", 200);

  assert.ok(away >= 130 && away <= 170, `${away} of 200 went away`);
});
