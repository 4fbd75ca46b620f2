import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { Mesh } from "../support/mesh.ts";
import { countBy, send, sendMany } from "../support/requests.ts";

const requests = 5_000;
const points = 0.03;

describe("the demo", () => {
  let mesh: Mesh;

  before(async () => {
    mesh = await Mesh.start();
  });

  after(() => mesh.remove());

  /** Share of each version of reviews among requests sent from productpage's sidecar. */
  async function split(): Promise<Record<string, number>> {
    const via = mesh.workload("productpage-v1").outbound ?? "";
    const answers = await sendMany({ via, host: "reviews:9080", path: "/reviews/0" }, requests);
    assert.deepEqual(
      countBy(answers, ({ status }) => String(status)),
      { 200: requests },
    );
    const counts = countBy(answers, ({ body }) => JSON.parse(body).version);
    return Object.fromEntries(Object.entries(counts).map(([version, count]) => [version, count / requests]));
  }

  async function applyAndWait(weights: Readonly<Record<string, number>>): Promise<void> {
    const routes = Object.entries(weights).map(
      ([subset, weight]) => `        - {destination: {host: reviews, subset: ${subset}}, weight: ${weight}}`,
    );
    const document = `apiVersion: networking.mesh.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
    - route:
${routes.join("\n")}
`;
    const applied = await mesh.meshctl(["apply", "-f", "-", "-o", "json"], document);
    assert.equal(applied.code, 0, applied.stderr);
    const waited = await mesh.meshctl(["wait", "--for=distributed"]);
    assert.equal(waited.code, 0, waited.stderr);
  }

  test("productpage answers through the ingress", async () => {
    const { status, body } = await send({ via: new URL(mesh.ready.ingress).host, path: "/productpage" });
    assert.equal(status, 200);
    assert.match(body, /served by reviews v[123]/);
  });

  for (const [v1, v3] of [
    [90, 10],
    [50, 50],
    [0, 100],
  ] as const) {
    test(`${v1}/${v3} is what the very next requests see`, async () => {
      await applyAndWait({ v1, v3 });
      const shares = await split();
      assert.ok(Math.abs((shares.v1 ?? 0) - v1 / 100) <= points, JSON.stringify(shares));
      assert.ok(Math.abs((shares.v3 ?? 0) - v3 / 100) <= points, JSON.stringify(shares));
      assert.equal(shares.v2 ?? 0, 0);
    });
  }

  test("every proxy is connected and holds one revision; nothing is wrong", async () => {
    const status = await mesh.meshctl(["proxy-status", "-o", "json"]);
    const proxies: { connected: boolean; revision: string }[] = JSON.parse(status.stdout);
    assert.equal(proxies.length, 7);
    assert.ok(proxies.every(({ connected }) => connected));
    assert.equal((await mesh.meshctl(["check"])).code, 0);
  });

  test("the topology is Envoy's own count: all edges mTLS, reviews by version", async () => {
    const seen = async () => {
      const { edges } = (await (await mesh.api("/v1/topology")).json()) as {
        edges: { from: string; toService: string; toVersion: string; security: string; requests: number }[];
      };
      return edges.filter(({ requests: count }) => count > 0);
    };
    // Agents report every 2 s; the load generator has been on since the start.
    let edges = await seen();
    while (!edges.some(({ toService }) => toService === "ratings")) {
      await wait(200);
      edges = await seen();
    }
    assert.deepEqual(
      edges.filter(({ security }) => security !== "mtls"),
      [],
    );
    assert.ok(edges.some(({ from, toService }) => from.startsWith("productpage") && toService === "reviews"));
  });

  test("Ctrl-C leaves no process, and the next start goes on from the kept state", async () => {
    assert.equal(await mesh.stop(), 0);
    assert.deepEqual(await mesh.leftovers(), []);
    mesh = await Mesh.start({ stateDir: mesh.stateDir });
    const got = await mesh.meshctl(["get", "virtualservice", "reviews", "-o", "json"]);
    assert.equal(got.code, 0, got.stderr);
    assert.deepEqual(await split(), { v3: 1 });
  });
});
