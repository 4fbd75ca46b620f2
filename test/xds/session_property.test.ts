/** What holds for every history: a proxy that answers ends with what its stack says, and never misses what it uses. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { LayerKey } from "../../src/compile/layer.ts";
import type { EncodedResource, ResourceType } from "../../src/envoy/resource.ts";
import { resourceTypes } from "../../src/xds/type_url.ts";
import { ModelProxy, mesh, namesIn, own, resource, TwoNodes, World } from "./world.ts";

const names = ["a", "b", "c"];
const type = fc.constantFrom<ResourceType>(...resourceTypes);
const layer = fc.constantFrom<LayerKey>(mesh, own);
const version = fc.constantFrom("1", "2", "3", "bad1", "bad2");

type Act =
  | { readonly kind: "set"; readonly layer: LayerKey; readonly items: readonly EncodedResource[] }
  | { readonly kind: "remove"; readonly layer: LayerKey; readonly type: ResourceType; readonly name: string }
  | { readonly kind: "poll" | "answer" | "reconnect" | "move" | "restart" | "expire" | "ask again" | "drop" }
  | { readonly kind: "restack"; readonly layers: readonly LayerKey[] };

const item = fc
  .record({ type, name: fc.constantFrom(...names), version })
  .map((made) => resource(made.type, made.name, made.version, [made.name]));
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("set" as const), layer, items: fc.array(item, { maxLength: 4 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("remove" as const), layer, type, name: fc.constantFrom(...names) }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom("poll", "answer") }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("expire", "ask again", "drop") }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("reconnect", "move") }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("restack" as const),
      layers: fc.constantFrom<readonly LayerKey[]>([mesh], [mesh, own], [own, mesh]),
    }),
  },
);

function perform(nodes: TwoNodes, proxy: ModelProxy, { step }: { readonly step: Act }): void {
  if (step.kind === "set") nodes.change({ layer: step.layer, set: step.items, removed: [] });
  else if (step.kind === "remove") nodes.change({ layer: step.layer, set: [], removed: [step] });
  else if (step.kind === "move") proxy.reconnect(nodes.move());
  else if (step.kind === "poll") proxy.poll();
  else if (step.kind === "answer") proxy.answer();
  else if (step.kind === "reconnect") proxy.reconnect();
  else if (step.kind === "restart") proxy.restart();
  else if (step.kind === "restack") proxy.restack(step.layers);
  else if (step.kind === "ask again") proxy.ask("endpoints", { subscribe: [...proxy.held.cluster.keys()] });
  else if (step.kind === "drop") proxy.ask("cluster", { subscribe: ["a"], unsubscribe: ["a"] });
  else if (proxy.session.generation) proxy.session.expire(proxy.session.generation);
}

/** type/name@version of what the proxy's stack says, of the names that it asked for. */
function snapshot(proxy: ModelProxy): string[] {
  return [...proxy.session.subscriptions()].flatMap(({ type, wildcard, named }) => {
    const wanted = new Set([...named, ...(wildcard ? proxy.session.stack.names(type) : [])]);
    return [...wanted].flatMap((name) => {
      const found = proxy.session.stack.resolve(type, name);
      return found ? [`${type}/${name}@${found.resource.version}`] : [];
    });
  });
}

test("what was held plus what was sent is what the layers say, but for what the proxy refuses", () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const nodes = new TwoNodes();
      const proxy = new ModelProxy(nodes.here);
      proxy.connect();
      for (const step of acts) perform(nodes, proxy, { step });
      proxy.poll();
      proxy.answerAll();

      const refused = new Set(proxy.session.refusals().map((refusal) => `${refusal.type}/${refusal.name}`));
      const accepted = (line: string): boolean => !refused.has(line.split("@")[0] ?? "");
      assert.deepEqual(proxy.holdings().filter(accepted), snapshot(proxy).filter(accepted).sort());
      assert.deepEqual([...proxy.warming], [], "nothing warms");
      assert.equal(proxy.session.owed(), undefined);
      assert.equal(proxy.session.generation, undefined);
      for (const refusal of proxy.session.refusals()) assert.match(refusal.version, /bad/);
    }),
    { numRuns: 1_500 },
  );
});

interface Config {
  readonly clusters: Readonly<Record<string, string>>;
  readonly routes: readonly string[];
  readonly answers: number;
}

const config: fc.Arbitrary<Config> = fc
  .record({
    clusters: fc.dictionary(fc.constantFrom("a", "b", "c", "d"), fc.constantFrom("1", "2"), { minKeys: 1 }),
    pick: fc.array(fc.nat(10), { minLength: 1, maxLength: 3 }),
    answers: fc.nat(6),
  })
  .map(({ clusters, pick, answers }) => {
    const present = Object.keys(clusters);
    return { clusters, answers, routes: pick.map((i) => present[i % present.length] ?? "") };
  });

test("whatever a route names is there and has been warm, at every moment", () => {
  fc.assert(
    fc.property(fc.array(config, { minLength: 1, maxLength: 15 }), (configs) => {
      const world = new World();
      const proxy = new ModelProxy(world);
      world.change(mesh, [resource("listener", "out", "1", ["table"])]);
      proxy.connect();
      let before: Config["clusters"] = {};
      configs.forEach((next, i) => {
        const clusters = Object.entries(next.clusters).map(([name, version]) => resource("cluster", name, version));
        const endpoints = Object.keys(next.clusters).map((name) => resource("endpoints", name, "1"));
        const gone = Object.keys(before).filter((name) => !Object.hasOwn(next.clusters, name));
        const removed = gone.flatMap((name) => [
          { type: "cluster" as const, name },
          { type: "endpoints" as const, name },
        ]);
        const table = resource("route", "table", `t${i}`, next.routes);
        world.changes([{ layer: mesh, set: [table, ...clusters, ...endpoints], removed }]);
        before = next.clusters;
        proxy.poll();
        for (let answers = 0; answers < next.answers; answers++) {
          proxy.answer();
          assertServes(proxy);
        }
      });
      while (proxy.answer()) assertServes(proxy);
      assert.equal(proxy.held.route.get("table")?.version, `t${configs.length - 1}`);
    }),
    { numRuns: 1_000 },
  );
});

function assertServes(proxy: ModelProxy): void {
  for (const { resource: table } of proxy.held.route.values()) {
    for (const name of namesIn(table)) {
      assert.ok(proxy.held.cluster.has(name), `a route names ${name}, which is not there`);
      assert.ok(proxy.active.has(name), `a route names ${name}, which was never warm`);
    }
  }
}
