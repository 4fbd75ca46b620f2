/** Access logs on a live mesh: what a line says, whose lines there are, and where they stand. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { type Echo, startHttpEcho, startTcpEcho } from "../support/echo.ts";
import { all, LiveObjects } from "../support/live_objects.ts";
import { Mesh } from "../support/mesh.ts";
import { ProxyLog } from "../support/proxy_log.ts";
import { send } from "../support/requests.ts";
import { type RunningWorkload, Workloads } from "../support/workload.ts";

let mesh: Mesh;
let objects: LiveObjects;
let workloads: Workloads;
let caller: RunningWorkload;
let shop: RunningWorkload;
const applications: Echo[] = [];

before(async () => {
  mesh = await Mesh.start({ demo: false });
  objects = new LiveObjects(mesh);
  workloads = new Workloads(mesh);
  const [http, tcp] = await Promise.all([startHttpEcho(), startTcpEcho()]);
  applications.push(http, tcp);
  const ports = [
    { name: "http", port: 80, appPort: http.port },
    { name: "tcp", port: 5432, appPort: tcp.port },
  ];
  shop = await workloads.sidecar({ service: "shop", ports });
  caller = await workloads.sidecar({ service: "caller", upstreams: [{ service: "shop", port: 5432 }] });
});

after(async () => {
  await workloads?.stop();
  for (const application of applications) application.close();
  await mesh?.remove();
});

const route = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop}
spec: {hosts: [shop], http: [{name: greeting, route: [{destination: {host: shop}}]}]}
`;

const telemetry = (namespace: string, logging: string): string => `
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: logs, namespace: ${namespace}}
spec: {accessLogging: [${logging}]}
`;

const everywhere = telemetry("istio-system", "{providers: [{name: envoy}]}");

const get = (path: string) =>
  send({
    via: caller.outbound,
    host: "shop",
    path,
    headers: { "user-agent": "a test", "x-request-id": `id-of-${path}` },
  });

const logs = () => [new ProxyLog(mesh, caller), new ProxyLog(mesh, shop)] as const;

test("a request has a line in the caller's log and one in the server's, in Istio's format", async () => {
  await objects.replace(all(route, everywhere));

  await get("/first");

  const [ofCaller, ofShop] = logs();
  const [asked = ""] = await ofCaller.awaited(/\/first/);
  const [served = ""] = await ofShop.awaited(/\/first/);
  const ip = String.raw`127\.0\.0\.1:\d+`;
  const request = String.raw`"GET /first HTTP/1.1" 200 - via_upstream - "-" 0 \d+ \d+ \d+ "-" "a test" "id-of-/first" "shop"`;
  const cluster = String.raw`outbound\|80\|\|shop\.default\.svc\.cluster\.local`;
  assert.match(asked, new RegExp(String.raw`Z\] ${request} "${ip}" ${cluster} ${ip} ${ip} ${ip} - greeting$`));
  assert.match(
    served,
    new RegExp(String.raw`Z\] ${request} "${ip}" inbound\|\d+\|\| ${ip} ${ip} ${ip} outbound\S+ -$`),
  );
});

test("a TCP connection has a line on either side when it is over", async () => {
  const [host = "", port = ""] = (caller.upstreams["shop:5432"] ?? assert.fail("no upstream")).split(":");
  const socket = connect(Number(port), host);
  socket.end("bye");
  socket.resume();
  await once(socket, "close");

  const [asked, served] = logs();
  const [line = ""] = await asked.awaited(/outbound\|5432\|\|shop/);
  assert.match(line, /Z\] "- - -" 0 - - - "-" 3 \d+ \d+ - "-" "-" "-" "-" "127/);
  assert.match((await served.awaited(/"- - -"/))[0] ?? "", / 3 \d+ \d+ .* inbound\|\d+\|\|/);
});

test("what a namespace says of one side holds there, for connections that come after it", async () => {
  const from = async (telemetries: string, path: string): Promise<void> => {
    await objects.replace(all(route, telemetries));
    // The last on the connection that was open before: its answer asks the caller to leave.
    await get("/between");
    await get(path);
  };

  await from(all(everywhere, telemetry("default", "{match: {mode: SERVER}, disabled: true}")), "/second");
  await from(everywhere, "/third");

  const [asked, served] = logs();
  await Promise.all([asked.awaited(/\/third/), served.awaited(/\/third/)]);
  assert.deepEqual([(await asked.lines(/\/second/)).length, (await served.lines(/\/second/)).length], [1, 0]);
});
