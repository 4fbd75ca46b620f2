/** What the interpreter says is hashed, beside a real Envoy: requests of one value meet one endpoint, others several. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { decide } from "../../src/compile/interpret.ts";
import type { RouteTableItem } from "../../src/compile/ir.ts";
import { compileOnce } from "../../src/compile/once.ts";
import type { HttpRequest } from "../../src/model/http_request.ts";
import type { HashKey } from "../../src/model/traffic.ts";
import { destinationRule, endpoint, hostOf, shard, sidecar, virtualService } from "../compile/mesh.ts";
import { RunningEnvoy } from "../envoy/running_envoy.ts";
import { outboundTable } from "../support/agreement.ts";
import { type Echo, startHttpEcho } from "../support/echo.ts";
import { send } from "../support/requests.ts";

const keys: Readonly<Record<string, HashKey>> = {
  header: { kind: "header", name: "x-user" },
  set: { kind: "header", name: "x-set" },
  query: { kind: "query", name: "id" },
  cookie: { kind: "cookie", name: "session" },
};

const applications: Echo[] = [];
let envoy: RunningEnvoy;
let table: RouteTableItem;

before(async () => {
  for (const by of ["a", "b", "c", "d"]) applications.push(await startHttpEcho({ "x-by": by }));
  const endpoints = applications.map(({ port }, at) => {
    const { identity: _, ...plain } = endpoint(String(at), {
      address: "127.0.0.1",
      ports: { http: port },
      transport: "plaintext",
    });
    return plain;
  });
  const names = Object.keys(keys);
  const objects = names.flatMap((name) => [
    destinationRule(name, [], {
      settings: { balancer: { key: keys[name] ?? assert.fail(), table: { kind: "ring" } } },
    }),
    virtualService(
      name,
      {},
      {
        http: [
          {
            matches: [],
            mirrors: [],
            headers: { request: { set: { "x-set": "same" }, add: {}, remove: [] } },
            destinations: [{ host: hostOf(name), weight: 100 }],
          },
        ],
      },
    ),
  ]);
  const shards = names.map((name) => shard(name, endpoints, { portNames: ["http:9080"] }));
  const listen = { address: "127.0.0.1", port: 0 };
  const { items } = compileOnce({ objects, workloads: [], shards }, sidecar("client", "default", { outbound: listen }));
  table = outboundTable(items);
  envoy = await RunningEnvoy.start(items);
});

after(async () => {
  await envoy?.stop();
  for (const application of applications) application.close();
});

/** Hashed value → who answered. */
async function answeredBy(name: string): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const found = new Map<string, Set<string>>();
  for (let number = 0; number < 24; number++) {
    const value = `v${number % 12}`;
    const headers = { "x-user": value, "x-set": value, cookie: `other=1; session="${value}"` };
    const asked: HttpRequest = { scheme: "http", method: "GET", authority: name, path: `/?id=${value}`, headers };
    const decision = decide(table, asked);
    assert.ok(decision.kind === "route" && decision.outcome.kind === "forward");
    const hashed = decision.outcome.destinations[0]?.hashed[0] ?? assert.fail();
    assert.ok(hashed.is === "value");
    const { authority: host, path } = asked;
    const answer = await send({ via: `127.0.0.1:${envoy.port("outbound")}`, host, path, headers });
    const who = found.get(hashed.value) ?? new Set();
    found.set(hashed.value, who.add(String(answer.headers["x-by"])));
  }
  return found;
}

for (const name of Object.keys(keys)) {
  test(`${name}: of one value one endpoint, of others several`, async () => {
    const found = await answeredBy(name);
    for (const [value, who] of found) assert.equal(who.size, 1, `${value} ${[...who]}`);
    const all = new Set([...found.values()].flatMap((who) => [...who]));
    assert.equal(all.size > 1, found.size > 1);
  });
}
