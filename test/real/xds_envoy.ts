/** A real Envoy takes its whole configuration over our ADS, in either form: change, removal, refusal, coming back. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, get, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { layerKey, type Position } from "../../src/compile/layer.ts";
import type { EncodedResource, ResourceType } from "../../src/envoy/resource.ts";
import { defaultNamespace, type WorkloadName, workloadName } from "../../src/model/names.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { Fleet } from "../../src/xds/fleet.ts";
import { silentObserver } from "../../src/xds/observer.ts";
import { XdsServer } from "../../src/xds/server.ts";
import { cluster, endpoints, listener, route } from "../xds/resources.ts";

const proxy: WorkloadName = workloadName("cart-v1", defaultNamespace);
const shared = layerKey("mesh");
const own = layerKey("own", proxy);
const longestMs = 10_000;

export function runsAgainstEnvoy(apiType: "DELTA_GRPC" | "GRPC"): void {
  /** What was pushed since it was last looked at. */
  const pushed: Record<ResourceType | "other", number> = { cluster: 0, endpoints: 0, listener: 0, route: 0, other: 0 };
  let taken: (() => void) | undefined;
  const fleet = new Fleet({
    clock: systemClock,
    observer: {
      ...silentObserver,
      pushed: (type) => {
        pushed[type]++;
      },
      streams: (change) => {
        if (change === 1) taken?.();
      },
    },
  });

  function newServer(port: number): XdsServer {
    return new XdsServer({
      fleet,
      clock: systemClock,
      random: systemRandom,
      plaintext: { host: "127.0.0.1", port },
      identities: {
        identify: (_peer, node) => ({ kind: "proxy", proxy: node.id as WorkloadName, layers: [shared, own] }),
        onLayersChanged: () => {},
      },
    });
  }

  let xds = newServer(0);
  let xdsPort = 0;
  let envoy: ChildProcess;
  let log = "";
  const directory = mkdtempSync(join(tmpdir(), "weft-xds-"));
  const adminFile = join(directory, "admin");
  const apps: Server[] = [];

  /** An application that answers its name. */
  async function app(name: string): Promise<{ readonly host: string; readonly port: number }> {
    const server = createServer((_request, response) => response.end(name));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    apps.push(server);
    return { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
  }

  let position: Position = { records: 0, endpoints: 0 };

  function apply(set: readonly EncodedResource[], removed: readonly { type: ResourceType; name: string }[] = []): void {
    position = { records: position.records + 1, endpoints: 0 };
    fleet.apply([{ layer: shared, set, removed }], position);
  }

  /** Applies and waits until Envoy holds it; answers how that went. */
  async function distribute(...change: Parameters<typeof apply>) {
    apply(...change);
    return fleet.waitDistributed(position, AbortSignal.timeout(longestMs));
  }

  function fetch(address: string, path: string): Promise<{ readonly status: number; readonly body: string }> {
    return new Promise((resolve, reject) => {
      get(`http://${address}${path}`, { agent: false }, (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (data: string) => {
          body += data;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
      }).on("error", reject);
    });
  }

  const admin = async (path: string): Promise<string> => (await fetch(readFileSync(adminFile, "utf8"), path)).body;

  async function gauge(name: string): Promise<number> {
    const line = (await admin(`/stats?filter=^${name}$`)).trim();
    return Number(line.split(": ")[1]);
  }

  async function outbound(): Promise<string> {
    const { listener_statuses } = JSON.parse(await admin("/listeners?format=json"));
    const { address, port_value } = listener_statuses[0].local_address.socket_address;
    return `${address}:${port_value}`;
  }

  before(async () => {
    const addresses = await xds.start();
    xdsPort = Number(addresses.plaintext?.split(":")[1]);
    apply([
      cluster("cart"),
      endpoints("cart", [await app("cart")]),
      listener("outbound", { port: 0, routes: "table" }),
      route("table", ["cart"]),
    ]);
    const bootstrap = {
      node: { id: proxy, cluster: "test" },
      admin: { address: { socket_address: { address: "127.0.0.1", port_value: 0 } } },
      dynamic_resources: {
        ads_config: {
          api_type: apiType,
          transport_api_version: "V3",
          grpc_services: [
            {
              envoy_grpc: {
                cluster_name: "xds",
                retry_policy: { retry_back_off: { base_interval: "0.05s", max_interval: "0.2s" } },
              },
            },
          ],
        },
        cds_config: { resource_api_version: "V3", ads: {} },
        lds_config: { resource_api_version: "V3", ads: {} },
      },
      static_resources: {
        clusters: [
          {
            name: "xds",
            connect_timeout: "1s",
            typed_extension_protocol_options: {
              "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                explicit_http_config: { http2_protocol_options: {} },
              },
            },
            load_assignment: {
              cluster_name: "xds",
              endpoints: [
                {
                  lb_endpoints: [
                    {
                      endpoint: {
                        address: { socket_address: { address: "127.0.0.1", port_value: xdsPort } },
                      },
                    },
                  ],
                },
              ],
            },
          },
        ],
      },
    };
    const file = join(directory, "bootstrap.json");
    writeFileSync(file, JSON.stringify(bootstrap));
    const tools = JSON.parse(readFileSync(new URL("../../node_modules/.weft/tools.json", import.meta.url), "utf8"));
    const args = ["-c", file, "--use-dynamic-base-id", "--concurrency", "1", "--admin-address-path", adminFile];
    const connected = new Promise<void>((resolve) => {
      taken = resolve;
    });
    envoy = spawn(tools.envoy.path, [...args, "-l", "warning"], { stdio: ["ignore", "ignore", "pipe"] });
    envoy.stderr?.on("data", (data: Buffer) => {
      log += data;
    });
    await Promise.race([connected, once(envoy, "exit").then(() => assert.fail(`Envoy ended:\n${log}`))]);
    await fleet.waitDistributed(position, AbortSignal.timeout(longestMs));
  });

  after(async () => {
    envoy.kill("SIGKILL");
    await once(envoy, "exit");
    await xds.stop();
    for (const server of apps) server.close();
    rmSync(directory, { recursive: true });
  });

  test("the next request after distributed finds the way", async () => {
    assert.deepEqual(await fetch(await outbound(), "/"), { status: 200, body: "cart" });
  });

  test("a changed endpoint, and a route to a cluster that came with it", async () => {
    const address = await outbound();
    assert.deepEqual(await distribute([endpoints("cart", [await app("cart moved")])]), { kind: "done" });
    assert.equal((await fetch(address, "/")).body, "cart moved");

    const pay = [route("table", ["pay"]), endpoints("pay", [await app("pay")]), cluster("pay")];
    assert.deepEqual(await distribute(pay), { kind: "done" });
    assert.equal((await fetch(address, "/")).body, "pay");
  });

  test("a proxy that comes back to a new server with what it holds is sent nothing but what changed", async () => {
    const address = await outbound();
    await xds.stop();
    assert.equal((await fetch(address, "/")).body, "pay", "it serves without a control plane");
    apply([endpoints("pay", [await app("pay moved")])]);
    for (const type of Object.keys(pushed) as ResourceType[]) pushed[type] = 0;
    const back = new Promise<void>((resolve) => {
      taken = resolve;
    });
    xds = newServer(xdsPort);
    await xds.start();
    await back;
    assert.deepEqual(await fleet.waitDistributed(position, AbortSignal.timeout(longestMs)), { kind: "done" });
    assert.equal((await fetch(address, "/")).body, "pay moved");
    const isDelta = apiType === "DELTA_GRPC";
    // In the other form nobody can say what he holds.
    if (isDelta) assert.deepEqual(pushed, { cluster: 0, endpoints: 1, listener: 0, route: 0, other: 0 });
  });

  test("a changed cluster warms at once though its endpoints are the same, and so does a changed listener", async () => {
    assert.deepEqual(await distribute([cluster("pay", { connectMs: 900 })]), { kind: "done" });
    assert.equal(await gauge("cluster_manager.warming_clusters"), 0);
    assert.equal((await fetch(await outbound(), "/")).body, "pay moved");

    const changed = listener("outbound", { port: 0, routes: "table", statPrefix: "again" });
    assert.deepEqual(await distribute([changed]), { kind: "done" });
    assert.equal(await gauge("listener_manager.total_listeners_warming"), 0);
    assert.equal(await gauge("listener_manager.total_listeners_active"), 1);
  });

  test("a cluster without endpoints, and a listener without routes, do not warm for ever", async () => {
    const lonely = [cluster("lonely"), listener("second", { port: 0, routes: "nowhere" })];
    assert.deepEqual(await distribute(lonely), { kind: "done" });
    assert.equal(await gauge("cluster_manager.warming_clusters"), 0);
    assert.equal(await gauge("listener_manager.total_listeners_warming"), 0);
    const gone = [
      { type: "cluster" as const, name: "lonely" },
      { type: "listener" as const, name: "second" },
    ];
    assert.deepEqual(await distribute([], gone), { kind: "done" });
  });

  test("what is removed is gone", async () => {
    const gone = [
      { type: "cluster" as const, name: "cart" },
      { type: "endpoints" as const, name: "cart" },
    ];
    assert.deepEqual(await distribute([], gone), { kind: "done" });
    assert.doesNotMatch(await admin("/clusters"), /^cart::/m);
    assert.equal((await fetch(await outbound(), "/")).body, "pay moved");
  });

  test("a bad cluster is refused alone: the good ones that came with it serve, and a repair is taken", async () => {
    const bad = cluster("bad", { connectMs: 0 });
    const refused = await distribute([
      bad,
      cluster("ship"),
      endpoints("ship", [await app("ship")]),
      route("table", ["ship"]),
    ]);
    assert.ok(refused.kind === "refused");
    const words = refused.proxies.map((one) => [one.proxy, one.refusals.map(({ type, name }) => [type, name])]);
    assert.deepEqual(words, [[proxy, [["cluster", "bad"]]]]);
    assert.match(refused.proxies[0]?.refusals[0]?.because ?? "", /connect_?timeout/i);
    const repaired = await distribute([cluster("bad", { connectMs: 100 })]);
    assert.deepEqual(repaired, { kind: "done" });
    assert.equal((await fetch(await outbound(), "/")).body, "ship");
  });

  test("many changes at once, and nothing is left warming", async () => {
    const target = await app("many");
    for (let round = 0; round < 20; round++) {
      const names = Array.from({ length: 20 }, (_, i) => `svc-${i}`);
      apply([
        ...names.map((name) => cluster(name, { connectMs: 100 + round })),
        ...names.map((name) => endpoints(name, [target])),
        route("table", [names[round] ?? "svc-0"]),
      ]);
      await wait(round % 3);
    }
    assert.deepEqual(await fleet.waitDistributed(position, AbortSignal.timeout(longestMs)), { kind: "done" });
    assert.equal(await gauge("cluster_manager.warming_clusters"), 0);
    assert.equal((await fetch(await outbound(), "/")).body, "many");
  });
}
