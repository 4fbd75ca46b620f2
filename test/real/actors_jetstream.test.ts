// The actor runtime over a real nats-server: what was acknowledged is there once, also when the server dies under load.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LocalNetwork } from "../../src/actors/runtime/local_network.ts";
import { ActorRuntime } from "../../src/actors/runtime/runtime.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { shortId, systemRandom } from "../../src/platform/random.ts";
import { openJetStreamStore } from "../../src/store/jetstream/open.ts";
import { Belief, nodeName, operationId } from "../actors/cluster.ts";
import { CounterHands, counterKind } from "../actors/counter.ts";
import { Nats, weftAccount } from "../support/nats.ts";

let nats: Nats;
before(async () => {
  nats = await Nats.start();
});
after(() => nats.stop());

const counter = counterKind();

interface Running {
  readonly runtime: ActorRuntime;
  stop(): Promise<void>;
}

/** A node that believes it is alone: every actor is its own, whatever the others believe. */
async function stubbornNode(cluster: string, name: string): Promise<Running> {
  const ports = { clock: systemClock, random: systemRandom };
  const access = { ...weftAccount, servers: nats.servers, cluster, replicas: 1, assumeSynced: true };
  const store = await openJetStreamStore({ ...ports, ...access, logger: silentLogger });
  const view = new Belief(nodeName(name));
  const transport = new LocalNetwork(systemClock).join(nodeName(name));
  const runtime = new ActorRuntime({ ...ports, view, transport, store, log: silentLogger });
  runtime.host(counter, new CounterHands());
  runtime.start();
  const stop = async (): Promise<void> => {
    await runtime.drain();
    await store.close();
  };
  return { runtime, stop };
}

/** Adds one, and asks again under the same operation until it is acknowledged. */
async function addOnce({ runtime }: Running, id: string, operation: string): Promise<void> {
  for (;;) {
    try {
      await runtime.ask(counter, id, { type: "add", by: 1 }, { operation: operationId(operation) });
      return;
    } catch {
      // Refused or unknown: the same operation again.
    }
  }
}

test("two owners and a server killed under them: every operation is applied once", async () => {
  const cluster = shortId(systemRandom, 8);
  const nodes = [await stubbornNode(cluster, "a"), await stubbornNode(cluster, "b")];
  const [a] = nodes;
  assert.ok(a);

  let acknowledged = 0;
  const underWay = Promise.withResolvers<void>();

  const adding = Promise.all(
    Array.from({ length: 8 }, async (_, writer) => {
      for (let i = 0; i < 15; i++) {
        await addOnce(nodes[writer % 2] ?? a, `counter-${writer % 4}`, `op-${cluster}-${writer}-${i}`);
        acknowledged++;
        if (acknowledged === 40) underWay.resolve();
      }
    }),
  );
  await underWay.promise;
  await nats.kill();
  await nats.start();
  await adding;

  const ids = [0, 1, 2, 3].map((index) => `counter-${index}`);
  const counts = await Promise.all(ids.map((id) => a.runtime.ask(counter, id, { type: "read" })));
  assert.deepEqual(
    counts,
    ids.map(() => ({ count: 30 })),
  );
  await Promise.all(nodes.map((node) => node.stop()));
});
