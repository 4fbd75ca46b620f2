/** A Sidecar on a live mesh: what a workload may reach, and that whoever it may still reach never fails meanwhile. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Echo, startHttpEcho } from "../support/echo.ts";
import { all, LiveObjects } from "../support/live_objects.ts";
import { Mesh } from "../support/mesh.ts";
import { countBy, send, startLoad } from "../support/requests.ts";
import { type RunningWorkload, Workloads } from "../support/workload.ts";

let mesh: Mesh;
let objects: LiveObjects;
let workloads: Workloads;
let echo: Echo;
let client: RunningWorkload;
let other: RunningWorkload;

before(async () => {
  mesh = await Mesh.start({ demo: false });
  objects = new LiveObjects(mesh);
  workloads = new Workloads(mesh);
  echo = await startHttpEcho();
  const ports = [{ name: "http", port: 80, appPort: echo.port }];
  await workloads.sidecar({ service: "cart", ports });
  await workloads.sidecar({ service: "vault", namespace: "bank", ports });
  client = await workloads.sidecar({ service: "client" });
  other = await workloads.sidecar({ service: "other" });
});

after(async () => {
  await workloads?.stop();
  echo?.close();
  await mesh?.remove();
});

const sidecar = (spec: string, name = "default"): string => `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: ${name}}
spec: ${spec}
`;

const vault = "vault.bank";

async function answer(via: RunningWorkload, host: string): Promise<number> {
  return (await send({ via: via.outbound, host })).status;
}

test("what a Sidecar leaves out is not reached, what it leaves in never fails, and without it all is as before", async () => {
  assert.equal(await answer(client, vault), 200);
  const load = startLoad({ via: client.outbound, host: "cart" });

  await objects.replace(sidecar('{egress: [{hosts: ["./*"]}], outboundTrafficPolicy: {mode: REGISTRY_ONLY}}'));
  assert.deepEqual([await answer(client, "cart"), await answer(client, vault)], [200, 502]);
  assert.equal(await answer(other, vault), 502);
  const { clusters } = await namesOf(client);
  assert.ok(clusters.some((name) => name.includes("cart")) && !clusters.some((name) => name.includes("vault")));

  const own = '{workloadSelector: {labels: {app: client}}, egress: [{hosts: ["./*", "bank/*"]}]}';
  await objects.replace(all(sidecar('{egress: [{hosts: ["./*"]}]}'), sidecar(own, "clients")));
  assert.equal(await answer(client, vault), 200);
  assert.ok((await namesOf(client)).clusters.some((name) => name.includes("vault")));
  assert.ok(!(await namesOf(other)).clusters.some((name) => name.includes("vault")));

  await objects.replace("");
  assert.deepEqual([await answer(client, vault), await answer(other, vault)], [200, 200]);
  const answers = await load.stop();
  assert.deepEqual(Object.keys(countBy(answers, ({ status }) => String(status))), ["200"]);
});

/** As the Envoy itself says. */
async function namesOf({ admin }: RunningWorkload): Promise<{ readonly clusters: readonly string[] }> {
  const text = await (await fetch(`http://${admin}/clusters`)).text();
  return { clusters: [...new Set(text.split("\n").map((line) => line.split("::")[0] ?? ""))] };
}
