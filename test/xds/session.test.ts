import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { layerKey } from "../../src/compile/layer.ts";
import { limits } from "../../src/platform/limits.ts";
import { typeUrls } from "../../src/xds/type_url.ts";
import { ModelProxy, mesh, own, resource, World, words } from "./world.ts";

/** Two services, a listener and its routes. */
function shop(): World {
  const world = new World();
  world.change(mesh, [
    resource("cluster", "cart", "c1"),
    resource("endpoints", "cart", "e1"),
    resource("listener", "out", "l1", ["table"]),
    resource("route", "table", "r1", ["cart"]),
  ]);
  return world;
}

/** A shop with a proxy whose own layer has one cluster more: with that it asks for a list that others may name. */
function haunted(): World {
  const world = shop();
  const other = layerKey("other");
  world.change(other, [resource("cluster", "ghost", "b1")]);
  new ModelProxy(world, [mesh, other]).connect();
  return world;
}

function settledProxy(world: World): ModelProxy {
  const proxy = new ModelProxy(world);
  proxy.connect();
  proxy.answerAll();
  proxy.log.length = 0;
  return proxy;
}

describe("a new stream", () => {
  test("gets clusters, endpoints, listeners, routes in this order, each after the one before was acknowledged", () => {
    const proxy = new ModelProxy(shop());
    proxy.connect();
    const seen: string[] = [];
    while (proxy.inbox.length > 0) {
      assert.equal(proxy.inbox.length, 1);
      seen.push(words(proxy.answer()));
    }
    assert.deepEqual(seen, ["cluster +cart@c1", "endpoints +cart@e1", "listener +out@l1", "route +table@r1"]);
    assert.equal(proxy.session.owed(), undefined);
  });

  test("shares the list of what it names with all that name the same, in whatever order", () => {
    const world = shop();
    world.change(mesh, [resource("cluster", "pay", "p1"), resource("endpoints", "pay", "f1")]);
    const [first, second] = [settledProxy(world), settledProxy(world)];
    const third = new ModelProxy(world);
    third.ask("cluster", {});
    third.answer();
    third.ask("endpoints", { subscribe: ["pay", "cart"] });
    third.answerAll();
    const listOf = (proxy: ModelProxy) => [...proxy.session.subscriptions()].find(({ type }) => type === "endpoints");
    assert.ok(listOf(first)?.named.list);
    assert.equal(listOf(second)?.named.list, listOf(first)?.named.list);
    assert.equal(listOf(third)?.named.list, listOf(first)?.named.list);
    for (const proxy of [first, second, third]) {
      assert.deepEqual([...(listOf(proxy)?.named ?? [])].sort(), ["cart", "pay"]);
      assert.deepEqual(proxy.holdings("endpoints"), ["endpoints/cart@e1", "endpoints/pay@f1"]);
    }

    second.ask("endpoints", { unsubscribe: ["cart"] });
    world.change(mesh, [resource("endpoints", "cart", "e2"), resource("endpoints", "pay", "f2")]);
    for (const proxy of [first, second, third]) proxy.poll();
    assert.deepEqual(first.inbox.map(words), ["endpoints +cart@e2 +pay@f2"]);
    assert.deepEqual(second.inbox.map(words), ["endpoints +pay@f2"]);
    assert.deepEqual(third.inbox.map(words), ["endpoints +cart@e2 +pay@f2"]);
  });

  test("that moves here with what it holds shares the list too, and is sent what is no longer so", () => {
    const [here, there] = [shop(), shop()];
    const proxies = [settledProxy(here), settledProxy(here), settledProxy(here)];
    for (const proxy of proxies) {
      proxy.reconnect(there);
      assert.deepEqual(proxy.inbox, []);
      proxy.reconnect(here);
    }
    there.change(mesh, [resource("endpoints", "cart", "e2"), resource("cluster", "pay", "p1")]);
    for (const proxy of proxies) {
      proxy.reconnect(there);
      proxy.answerAll();
      assert.deepEqual(proxy.holdings("endpoints"), ["endpoints/cart@e2", "endpoints/pay@empty"]);
      assert.equal(proxy.session.owed(), undefined);
    }
    const [, , last] = proxies;
    assert.ok([...(last?.session.subscriptions() ?? [])].some(({ named }) => named.list));
  });

  test("that moves here is sent the endpoints of a changed cluster, which it has, whoever said the same before", () => {
    const [here, there] = [shop(), shop()];
    const proxies = [settledProxy(here), settledProxy(here), settledProxy(here)];
    there.change(mesh, [resource("cluster", "cart", "c2")]);
    for (const proxy of proxies) {
      proxy.reconnect(there);
      proxy.answerAll();
      assert.deepEqual(proxy.log.map(words), ["cluster +cart@c2", "endpoints +cart@e1"]);
      assert.deepEqual([...proxy.warming], []);
    }
  });

  test("that moves here is told of a name that it does not hold and none of its layers has, shared list or not", () => {
    for (const world of [shop(), haunted()]) {
      const proxy = new ModelProxy(world);
      proxy.ask("endpoints", { subscribe: ["cart", "ghost"], initialVersions: new Map([["cart", "e1"]]) });
      assert.deepEqual(proxy.inbox.map(words), ["endpoints -ghost"]);
    }
  });

  test("that names a list, its own or of others, is told what of it is not there, and is found when it comes", () => {
    for (const world of [shop(), haunted()]) {
      const proxy = new ModelProxy(world);
      proxy.ask("cluster", {});
      proxy.ask("endpoints", { subscribe: ["cart", "ghost"] });
      assert.deepEqual(proxy.inbox.map(words), ["cluster +cart@c1", "endpoints +cart@e1 -ghost"]);
      proxy.ask("endpoints", { nonce: proxy.inbox.pop()?.nonce ?? "" });
      world.change(mesh, [resource("endpoints", "ghost", "g1")]);
      proxy.poll();
      assert.deepEqual(proxy.inbox.map(words).slice(1), ["endpoints +ghost@g1"]);
    }
  });

  test("takes everything with an explicit * too", () => {
    const proxy = new ModelProxy(shop());
    proxy.ask("cluster", { subscribe: ["*"] });
    assert.deepEqual(proxy.inbox.map(words), ["cluster +cart@c1"]);
  });

  test("that names clusters gets those, and is told of one that does not exist", () => {
    const world = shop();
    world.change(mesh, [resource("cluster", "other", "c1")]);
    const proxy = new ModelProxy(world);
    proxy.ask("cluster", { subscribe: ["cart", "ghost"] });
    assert.deepEqual(proxy.inbox.map(words), ["cluster +cart@c1 -ghost"]);
  });

  test("a type that nobody serves is answered: there is none", () => {
    const proxy = new ModelProxy(shop());
    const typeUrl = "type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration";
    const request = { node: undefined, typeUrl, subscribe: ["x"], unsubscribe: [], initialVersions: new Map() };
    proxy.session.receive({ ...request, nonce: "", error: undefined });
    proxy.poll();
    assert.deepEqual(proxy.inbox.map(words), [`${typeUrl} -x`]);
  });

  test("that asks for everything where there is nothing is told so: it would wait for ever", () => {
    const proxy = new ModelProxy(new World());
    proxy.ask("cluster", {});
    assert.deepEqual(proxy.inbox.map(words), ["cluster"]);
    proxy.answerAll();
    assert.equal(proxy.session.owed(), undefined);
    proxy.poll();
    assert.deepEqual(proxy.inbox, []);
  });

  test("more names than the limit end it", () => {
    const proxy = new ModelProxy(shop());
    const subscribe = Array.from({ length: limits.xdsSubscribedNames + 1 }, (_, i) => `name-${i}`);
    assert.equal(proxy.ask("endpoints", { subscribe }).kind, "violation");
  });
});

describe("a change", () => {
  test("of endpoints goes alone and at once, and with equal bytes not at all", () => {
    const world = shop();
    const proxy = settledProxy(world);
    world.change(mesh, [resource("endpoints", "cart", "e2"), resource("cluster", "cart", "c1")]);
    proxy.poll();
    assert.deepEqual(proxy.inbox.map(words), ["endpoints +cart@e2"]);
    proxy.answerAll();
    world.change(mesh, [resource("endpoints", "cart", "e2")]);
    proxy.poll();
    assert.deepEqual(proxy.inbox, []);
  });

  test("while one is in flight waits, and the newest replaces what waits", () => {
    const world = shop();
    const proxy = settledProxy(world);
    for (const version of ["e2", "e3", "e4"]) {
      world.change(mesh, [resource("endpoints", "cart", version)]);
      proxy.poll();
    }
    assert.deepEqual(proxy.inbox.map(words), ["endpoints +cart@e2"]);
    proxy.answer();
    assert.deepEqual(proxy.inbox.map(words), ["endpoints +cart@e4"]);
  });

  test("that is taken back before it was sent is no change", () => {
    const world = shop();
    const proxy = settledProxy(world);
    world.change(mesh, [resource("endpoints", "cart", "e2")]);
    proxy.poll();
    world.change(mesh, [resource("endpoints", "cart", "e3")]);
    world.change(mesh, [resource("endpoints", "cart", "e2")]);
    proxy.answer();
    assert.deepEqual(proxy.inbox, []);
    assert.equal(proxy.session.owed(), undefined);
  });

  test("of a cluster is followed by its unchanged endpoints", () => {
    const world = shop();
    const proxy = settledProxy(world);
    world.change(mesh, [resource("cluster", "cart", "c2")]);
    proxy.poll();
    proxy.answerAll();
    assert.deepEqual(proxy.log.map(words), ["cluster +cart@c2", "endpoints +cart@e1"]);
    assert.deepEqual([...proxy.warming], []);
  });

  test("hidden by a later layer concerns nobody; its removal there uncovers it", () => {
    const world = shop();
    world.change(own, [resource("endpoints", "cart", "mine")]);
    const proxy = settledProxy(world);
    world.change(mesh, [resource("endpoints", "cart", "e2")]);
    proxy.poll();
    assert.deepEqual(proxy.inbox, []);
    world.change(own, [], [{ type: "endpoints", name: "cart" }]);
    proxy.poll();
    assert.deepEqual(proxy.inbox.map(words), ["endpoints +cart@e2"]);
  });

  test("that takes the endpoints of a living cluster away sends an empty assignment", () => {
    const world = shop();
    const proxy = settledProxy(world);
    world.change(mesh, [], [{ type: "endpoints", name: "cart" }]);
    proxy.poll();
    assert.deepEqual(proxy.inbox.map(words), ["endpoints +cart@empty"]);
  });

  test("that lacks the routes a listener asks for sends an empty table", () => {
    const world = new World();
    world.change(mesh, [resource("listener", "out", "l1", ["nowhere"])]);
    const proxy = settledProxy(world);
    assert.deepEqual(proxy.holdings("route"), ["route/nowhere@empty"]);
  });
});

describe("a generation", () => {
  test("brings what is new before what names it, and takes away last, in reverse", () => {
    const world = shop();
    const proxy = settledProxy(world);
    world.changes([
      {
        layer: mesh,
        set: [
          resource("route", "table2", "r1", ["pay"]),
          resource("listener", "out2", "l1", ["table2"]),
          resource("endpoints", "pay", "e1"),
          resource("cluster", "pay", "c1"),
        ],
        removed: [
          { type: "cluster", name: "cart" },
          { type: "endpoints", name: "cart" },
          { type: "listener", name: "out" },
          { type: "route", name: "table" },
        ],
      },
    ]);
    proxy.poll();
    proxy.answerAll();
    assert.deepEqual(proxy.log.map(words), [
      "cluster +pay@c1",
      "endpoints +pay@e1",
      "listener +out2@l1",
      "route +table2@r1",
      "route -table",
      "listener -out",
      "endpoints -cart",
      "cluster -cart",
    ]);
  });

  test("is pinned: what changes meanwhile comes with the next, only endpoints overtake", () => {
    const world = shop();
    const proxy = settledProxy(world);
    world.change(mesh, [resource("cluster", "pay", "c1"), resource("route", "table", "r2", ["cart", "pay"])]);
    proxy.poll();
    world.change(mesh, [resource("cluster", "ship", "c1"), resource("route", "table", "r3", ["ship"])]);
    world.change(mesh, [resource("endpoints", "cart", "e2")]);
    proxy.poll();
    assert.deepEqual(proxy.inbox.map(words), ["cluster +pay@c1", "endpoints +cart@e2"]);
    proxy.answerAll();
    const order = proxy.log.map(words).filter((line) => !line.startsWith("endpoints"));
    assert.deepEqual(order, ["cluster +pay@c1", "route +table@r2", "cluster +ship@c1", "route +table@r3"]);
  });

  test("that the proxy does not answer ends after its time, and the next does not wait for what is stuck", () => {
    const world = shop();
    const proxy = settledProxy(world);
    world.change(mesh, [resource("cluster", "cart", "c2"), resource("route", "table", "r2", ["cart"])]);
    proxy.poll();
    const stuck = proxy.inbox.splice(0).filter(({ typeUrl }) => typeUrl === typeUrls.cluster);
    assert.equal(stuck.length, 1);
    assert.deepEqual(proxy.inbox, []);
    const { generation } = proxy.session;
    assert.ok(generation);
    proxy.session.expire(generation);
    proxy.poll();
    assert.deepEqual(proxy.inbox.map(words), ["route +table@r2"]);
    world.change(mesh, [resource("cluster", "cart", "c3")]);
    proxy.answerAll();
    assert.ok(proxy.session.owed(), "the unanswered cluster is still owed");
    proxy.ask("cluster", { nonce: stuck[0]?.nonce ?? "" });
    proxy.answerAll();
    assert.deepEqual(proxy.holdings("cluster"), ["cluster/cart@c3"]);
  });
});

describe("a refusal", () => {
  test("is narrowed down to the bad one, which is withheld until it changes; the others arrive", () => {
    const world = shop();
    const proxy = settledProxy(world);
    const many = Array.from({ length: 100 }, (_, i) => resource("cluster", `svc-${i}`, i === 41 ? "bad1" : "c1"));
    world.change(mesh, many);
    proxy.poll();
    proxy.answerAll();
    assert.equal(proxy.held.cluster.size, 100);
    assert.equal(proxy.held.cluster.has("svc-41"), false);
    assert.deepEqual(
      proxy.session.refusals().map(({ type, name, version, because }) => [type, name, version, because]),
      [["cluster", "svc-41", "bad1", "bad: svc-41"]],
    );
    assert.equal(proxy.session.owed(), undefined);
    assert.ok(proxy.log.length < 60, `few responses: ${proxy.log.length}`);

    proxy.log.length = 0;
    world.change(mesh, [resource("cluster", "svc-7", "c2")]);
    proxy.poll();
    proxy.answerAll();
    assert.equal(proxy.log.map(words)[0], "cluster +svc-7@c2");

    world.change(mesh, [resource("cluster", "svc-41", "c2")]);
    proxy.poll();
    proxy.answerAll();
    assert.equal(proxy.held.cluster.get("svc-41")?.version, "c2");
    assert.deepEqual(proxy.session.refusals(), []);
  });

  test("is forgotten when what was refused is gone", () => {
    const world = shop();
    const proxy = settledProxy(world);
    world.change(mesh, [resource("listener", "two", "bad")]);
    proxy.poll();
    proxy.answerAll();
    assert.equal(proxy.session.refusals().length, 1);
    world.change(mesh, [], [{ type: "listener", name: "two" }]);
    proxy.poll();
    proxy.answerAll();
    assert.deepEqual(proxy.session.refusals(), []);
    assert.equal(proxy.session.status("listener").nacked, undefined);
  });

  test("concerns no other stream", () => {
    const world = shop();
    const [picky, other] = [settledProxy(world), settledProxy(world)];
    world.change(mesh, [resource("endpoints", "cart", "e2")]);
    picky.poll();
    other.poll();
    const [refused] = picky.inbox.splice(0);
    picky.ask("endpoints", { nonce: refused?.nonce ?? "", error: "no" });
    other.answerAll();
    assert.deepEqual(picky.inbox, []);
    assert.deepEqual(other.holdings("endpoints"), ["endpoints/cart@e2"]);
  });

  test("of a cluster does not hold up the routes", () => {
    const world = shop();
    const proxy = settledProxy(world);
    world.change(mesh, [resource("cluster", "pay", "bad"), resource("route", "table", "r2", ["cart"])]);
    proxy.poll();
    proxy.answerAll();
    assert.deepEqual(proxy.holdings("route"), ["route/table@r2"]);
    assert.equal(proxy.session.generation, undefined);
  });

  test("of a table that was repaired meanwhile brings the repair, and its listener waits for nothing older", () => {
    const world = new World();
    world.change(mesh, [
      resource("listener", "one", "l1", ["a"]),
      resource("listener", "two", "l1", ["b"]),
      resource("route", "a", "bad"),
    ]);
    const proxy = new ModelProxy(world);
    proxy.connect();
    proxy.answer();
    world.change(mesh, [resource("route", "a", "good")]);
    proxy.poll();
    proxy.answerAll();
    assert.deepEqual(proxy.holdings("route"), ["route/a@good", "route/b@empty"]);
  });

  test("of company that held word of an absence does not lose that word", () => {
    const world = shop();
    world.change(mesh, [resource("cluster", "other", "bad")]);
    const proxy = new ModelProxy(world);
    proxy.ask("cluster", { subscribe: ["other", "ghost"] });
    proxy.log.length = 0;
    proxy.answerAll();
    assert.deepEqual(proxy.log.map(words), ["cluster -ghost"]);
  });

  test("of endpoints is not the last word when their cluster is made anew and waits for them", () => {
    const world = shop();
    const proxy = settledProxy(world);
    world.change(mesh, [resource("endpoints", "cart", "bad")]);
    proxy.poll();
    proxy.answerAll();
    world.change(mesh, [resource("cluster", "cart", "c2")]);
    proxy.poll();
    proxy.answerAll();
    assert.deepEqual([...proxy.warming], []);
    assert.equal(proxy.session.generation, undefined);
  });

  test("with an old nonce says nothing", () => {
    const world = shop();
    const proxy = settledProxy(world);
    world.change(mesh, [resource("endpoints", "cart", "e2")]);
    proxy.poll();
    assert.equal(proxy.ask("endpoints", { nonce: "1", error: "late" }).kind, "interest");
    proxy.answerAll();
    assert.deepEqual(proxy.holdings("endpoints"), ["endpoints/cart@e2"]);
  });
});

describe("a proxy that comes back", () => {
  test("gets nothing that it holds", () => {
    const world = shop();
    const proxy = settledProxy(world);
    proxy.reconnect();
    assert.deepEqual(proxy.log, []);
    assert.equal(proxy.session.owed(), undefined);
  });

  test("gets what changed, and is told what is gone", () => {
    const world = shop();
    world.change(mesh, [resource("cluster", "old", "c1")]);
    const proxy = settledProxy(world);
    const gone = [{ type: "cluster" as const, name: "old" }];
    world.changes([{ layer: mesh, set: [resource("endpoints", "cart", "e2")], removed: gone }]);
    proxy.inbox = [];
    proxy.reconnect();
    proxy.answerAll();
    assert.deepEqual(proxy.log.map(words).sort(), ["cluster -old", "endpoints +cart@e2"]);
  });

  test("to a changed cluster gets its endpoints, though it says that it holds them", () => {
    const world = shop();
    const proxy = settledProxy(world);
    world.change(mesh, [resource("cluster", "cart", "c2")]);
    proxy.reconnect();
    proxy.answerAll();
    assert.deepEqual(proxy.log.map(words), ["cluster +cart@c2", "endpoints +cart@e1"]);
    assert.deepEqual([...proxy.warming], []);
  });
});

describe("subscriptions", () => {
  test("asking again for a name that was sent is answered again", () => {
    const world = shop();
    const proxy = settledProxy(world);
    proxy.ask("endpoints", { subscribe: ["cart"] });
    assert.deepEqual(proxy.inbox.map(words), ["endpoints +cart@e1"]);
  });

  test("a name that was dropped is not sent when it changes", () => {
    const world = shop();
    const proxy = settledProxy(world);
    proxy.ask("endpoints", { unsubscribe: ["cart"] });
    world.change(mesh, [resource("endpoints", "cart", "e2")]);
    proxy.poll();
    assert.deepEqual(proxy.inbox, []);
  });

  test("a name dropped while all are wanted is answered: it is among all, or it is not", () => {
    const world = shop();
    const proxy = settledProxy(world);
    proxy.ask("cluster", { subscribe: ["cart"] });
    proxy.answerAll();
    proxy.log.length = 0;
    proxy.ask("cluster", { unsubscribe: ["cart"] });
    assert.equal(proxy.log.map(words)[0], "cluster +cart@c1");
  });

  test("without * any more, changes of clusters that were not named are not sent", () => {
    const world = shop();
    const proxy = settledProxy(world);
    proxy.ask("cluster", { unsubscribe: ["*"] });
    world.change(mesh, [resource("cluster", "cart", "c2")]);
    proxy.poll();
    assert.deepEqual(proxy.inbox, []);
  });

  test("a large response comes in parts", () => {
    const world = new World();
    const body = "x".repeat(limits.xdsResponseBytes / 4);
    const names = ["a", "b", "c", "d", "e", "f"];
    world.change(
      mesh,
      names.map((name) => resource("cluster", name, "c1", [body])),
    );
    const proxy = new ModelProxy(world, [mesh]);
    proxy.connect();
    proxy.answerAll();
    assert.ok(proxy.log.filter(({ typeUrl }) => typeUrl === typeUrls.cluster).length >= 2);
    assert.equal(proxy.held.cluster.size, names.length);
  });

  test("a proxy has settled when it took all that it asked for; one that comes back with everything, at once", () => {
    const world = shop();
    const proxy = new ModelProxy(world);
    proxy.connect();
    proxy.poll();
    assert.equal(proxy.session.settled, false);
    proxy.answerAll();
    assert.equal(proxy.session.settled, true);
    proxy.reconnect();
    proxy.poll();
    assert.equal(proxy.session.settled, true);
    world.change(mesh, [resource("cluster", "cart", "c2")]);
    proxy.poll();
    assert.equal(proxy.session.settled, false);
  });

  test("layers that become others bring only the difference", () => {
    const world = shop();
    const proxy = settledProxy(world);
    proxy.session.restack(proxy.session.stack);
    proxy.poll();
    assert.deepEqual(proxy.inbox, []);
  });
});
