/** Random steps: the compiler's layers are those of a fresh compile. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Compiler } from "../../src/compile/compiler.ts";
import type { InputChange } from "../../src/compile/input.ts";
import type { Item } from "../../src/compile/ir.ts";
import type { LayerChange } from "../../src/compile/layer.ts";
import type { Locality } from "../../src/model/names.ts";
import type { MeshObject } from "../../src/model/object.ts";
import type { HttpMatch, HttpRoute } from "../../src/model/route.ts";
import type { Sidecar } from "../../src/model/sidecar.ts";
import type { TrafficSide } from "../../src/model/telemetry.ts";
import type { TrafficSettings } from "../../src/model/traffic.ts";
import { nameOfWorkload, type SidecarWorkload } from "../../src/model/workload.ts";
import { anyEntry } from "./entries.ts";
import {
  destinationRule,
  endpoint,
  hostOf,
  ns,
  setObject,
  setShard,
  setWorkload,
  shard,
  sidecar,
  sidecarObject,
  virtualService,
} from "./mesh.ts";

const services = ["a", "b", "c"];
const inbound: SidecarWorkload["inbound"] = [
  { name: "http", port: 80, appPort: 8080, protocol: "http", listen: { address: "127.0.0.1", port: 20_080 } },
];
const anyRequest: HttpMatch = { ignoreUriCase: false, headers: [], withoutHeaders: [], query: [], gateways: [] };

function routing(one: MeshObject & { readonly kind: "VirtualService" }, route: Partial<HttpRoute>): MeshObject {
  return { ...one, http: one.http.map((known) => ({ ...known, ...route })) };
}

const [near, far] = ["eu/a" as Locality, "us/a" as Locality];
const anywhere = { pattern: {}, percent: 100 };
const settings: readonly TrafficSettings[] = [
  {},
  { balancer: { key: { kind: "header", name: "x-user" }, table: { kind: "ring" } } },
  { locality: { kind: "failover", regions: [] }, outlierDetection: {} },
  { locality: { kind: "labels", labels: [{ name: "version" }] }, outlierDetection: {} },
  {
    locality: { kind: "labels", labels: [{ name: "app", value: "x" }, { name: "tier" }], regions: [] },
    outlierDetection: {},
  },
  { locality: { kind: "distribute", shares: [{ from: { region: "eu" }, to: [anywhere] }] } },
];
const anyChange: fc.Arbitrary<InputChange> = fc.oneof(
  fc
    .record({
      name: fc.constantFrom(...services),
      source: fc.constantFrom("api", "agent"),
      portNames: fc.subarray(["http:80", "tcp-x:90", "web:81"], { minLength: 1 }),
      ids: fc.subarray(["1", "2", "3"]),
      version: fc.constantFrom("v1", "v2"),
    })
    .map(({ name, source, portNames, ids, version }) =>
      setShard(
        shard(
          name,
          ids.map((id) => endpoint(id, { labels: { version }, locality: id === "1" ? near : far })),
          { source, portNames },
        ),
      ),
    ),
  fc
    .record({ name: fc.constantFrom(...services), source: fc.constantFrom("api", "agent") })
    .map(({ name, source }) => ({
      kind: "shard-removed" as const,
      service: { namespace: ns("default"), name },
      source,
      shard: 0,
    })),
  fc
    .record({
      host: fc.constantFrom(...services, "nowhere", "api.example.com"),
      subset: fc.constantFrom("v1", "v2"),
      exportTo: fc.constantFrom<readonly string[]>([], ["shop"], ["default"]),
      createdAt: fc.nat(3),
      name: fc.constantFrom("one", "two"),
      route: fc.constantFrom<Partial<HttpRoute>>(
        {},
        { delegate: { namespace: ns("default"), name: "inner" }, destinations: [] },
        { matches: [{ ...anyRequest, sourceLabels: { app: "client" } }] },
        { matches: [{ ...anyRequest, sourceNamespace: ns("shop") }] },
      ),
    })
    .map(({ host, subset, route, ...rest }) => setObject(routing(virtualService(host, { subset }, rest), route))),
  fc
    .constantFrom(...services)
    .map((host) => setObject(virtualService(host, {}, { name: "inner", hosts: [], exportTo: ["*"] }))),
  fc
    .record({
      host: fc.constantFrom(...services, "api.example.com"),
      versions: fc.subarray(["v1", "v2"]),
      namespace: fc.constantFrom(ns("default"), ns("shop"), ns("mesh-system")),
      exportTo: fc.constantFrom<readonly string[]>([], ["shop"]),
      settings: fc.constantFrom(...settings),
    })
    .map(({ host, versions, ...rest }) => setObject(destinationRule(host, versions, rest))),
  fc
    .record({
      hosts: fc.subarray(["./*", `default/${hostOf("a")}`, "*/*.default.svc.cluster.local"], { minLength: 1 }),
      namespace: fc.constantFrom(ns("default"), ns("shop"), ns("mesh-system")),
      name: fc.constantFrom("one", "two"),
      selector: fc.constantFrom(undefined, { labels: { app: "client" } }),
      inbound: fc.constantFrom<Partial<Sidecar>>(
        {},
        { inboundPool: { maxConnections: 1 } },
        { ingress: [{ port: 8080, protocol: "http2", to: { kind: "instance", port: 81 } }] },
      ),
    })
    .map(({ hosts, selector, inbound, ...rest }) =>
      setObject(sidecarObject(hosts, { ...rest, ...inbound, ...(selector && { selector }) })),
    ),
  fc
    .record({
      namespace: fc.constantFrom(ns("default"), ns("shop"), ns("mesh-system")),
      name: fc.constantFrom("one", "two"),
      createdAt: fc.nat(3),
      app: fc.constantFrom(undefined, "client"),
      sides: fc.subarray<TrafficSide>(["client", "server"], { minLength: 1 }),
      disabled: fc.boolean(),
    })
    .map(({ app, sides, disabled, ...rest }) =>
      setObject({
        kind: "Telemetry",
        ...rest,
        ...(app && { selector: { labels: { app } } }),
        accessLogging: [{ sides, disabled }],
      }),
    ),
  fc
    .record({
      host: fc.constantFrom(...services, "nowhere"),
      name: fc.constantFrom("one", "two"),
      createdAt: fc.nat(3),
      timeoutMs: fc.nat(3),
    })
    .map(({ host, timeoutMs, ...rest }) => {
      const service = { namespace: ns("default"), name: host };
      const settings = { connectionPool: { maxRetries: timeoutMs } };
      const policy = {
        kind: "TrafficPolicy",
        namespace: ns("default"),
        service,
        settings,
        routes: { timeoutMs },
      } as const;
      return setObject({ ...policy, ...rest });
    }),
  fc
    .record({
      kind: fc.constantFrom(...(["VirtualService", "DestinationRule", "TrafficPolicy", "Sidecar"] as const)),
      namespace: fc.constantFrom(ns("default"), ns("shop"), ns("mesh-system")),
      name: fc.constantFrom(...services, "one", "two", "inner"),
    })
    .map((ref) => ({ kind: "object-removed" as const, ref })),
  anyEntry,
  fc.constantFrom(
    setWorkload(sidecar("client")),
    setWorkload(sidecar("client", "default", { locality: near, inbound })),
    setWorkload(sidecar("client", "default", { locality: near, labels: { app: "client", version: "v1" } })),
    setWorkload(sidecar("shopper", "shop")),
    setWorkload(sidecar("shopper", "shop", { locality: far })),
  ),
  fc.constant({ kind: "workload-removed" as const, name: nameOfWorkload(sidecar("shopper", "shop")) }),
);

/** Layers rebuilt from the changes alone, as those who serve them do. */
class Follower {
  readonly layers = new Map<string, Map<string, Item>>();

  apply(changes: readonly LayerChange<Item>[]): void {
    for (const { layer, set, removed } of changes) {
      const items = this.layers.get(layer) ?? new Map<string, Item>();
      for (const item of set) items.set(`${item.type} ${item.name}`, item);
      for (const { type, name } of removed) items.delete(`${type} ${name}`);
      if (items.size > 0) this.layers.set(layer, items);
      else this.layers.delete(layer);
    }
  }

  state(): unknown {
    const sorted = <T>(map: ReadonlyMap<string, T>): [string, T][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
    return sorted(this.layers).map(([layer, items]) => [layer, sorted(items)]);
  }
}

test("after any sequence of steps, the layers are those of a fresh compile of what is left, in any order", () => {
  fc.assert(
    fc.property(fc.array(fc.array(anyChange, { maxLength: 4 }), { maxLength: 8 }), (steps) => {
      const [compiler, follower] = [new Compiler(), new Follower()];
      for (const step of steps) follower.apply(compiler.update(step));

      const left = new Map<string, InputChange>();
      const keyOf = (change: InputChange): string => {
        if (change.kind === "shard") return `${change.shard.service.name} ${change.shard.source}`;
        if (change.kind === "shard-removed") return `${change.service.name} ${change.source}`;
        if (change.kind === "object") return `${change.object.kind} ${change.object.namespace} ${change.object.name}`;
        if (change.kind === "object-removed") return `${change.ref.kind} ${change.ref.namespace} ${change.ref.name}`;
        if (change.kind === "workload") return nameOfWorkload(change.workload);
        return change.kind === "workload-removed" ? change.name : change.kind;
      };
      follower.apply(compiler.update([{ kind: "caller", namespace: ns("default"), present: true }]));
      for (const change of steps.flat()) {
        if (change.kind.endsWith("-removed")) left.delete(keyOf(change));
        else left.set(keyOf(change), change);
      }
      const fresh = new Follower();
      const again = [...left.values()].reverse();
      const anew = new Compiler();
      fresh.apply(anew.update([...again, { kind: "caller", namespace: ns("default"), present: true }]));
      // Places that callers were moved from are there for one step more.
      follower.apply(compiler.update([]));
      fresh.apply(anew.update([]));
      assert.deepEqual(follower.state(), fresh.state());
    }),
    { numRuns: 200 },
  );
});
