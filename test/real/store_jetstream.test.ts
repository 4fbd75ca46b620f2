// The store over a real nats-server keeps the promises of every Store.

import { after, before } from "node:test";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, headers } from "@nats-io/transport-node";
import { systemClock } from "../../src/platform/clock.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { shortId, systemRandom } from "../../src/platform/random.ts";
import { streamNames, subjectOf } from "../../src/store/jetstream/names.ts";
import { openJetStreamStore } from "../../src/store/jetstream/open.ts";
import type { Store } from "../../src/store/store.ts";
import { conformance } from "../store/conformance.ts";
import type { StoreWorld } from "../store/store_world.ts";
import { Nats, weftAccount } from "../support/nats.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";
import { untilGranted } from "../support/until_granted.ts";

let nats: Nats;
before(async () => {
  nats = await Nats.start();
});
after(() => nats.stop());

/** A cluster of its own on the one server. `open` goes through a proxy, `writer` straight to the server. */
async function jetStreamWorld(): Promise<StoreWorld> {
  const cluster = shortId(systemRandom, 8);
  const names = streamNames(cluster);
  const proxy = await TcpProxy.start(() => nats.port);
  const admin = await connect({ servers: nats.servers, user: "weft", pass: "weft-test" });
  const manager = await jetstreamManager(admin);
  const stores: Store[] = [];
  const openAt = async (servers: readonly string[]): Promise<Store> => {
    const common = { clock: systemClock, random: systemRandom, logger: silentLogger };
    const store = await openJetStreamStore({
      ...common,
      ...weftAccount,
      servers,
      cluster,
      replicas: 1,
      assumeSynced: true,
    });
    stores.push(store);
    return store;
  };
  return {
    open: () => openAt([`nats://127.0.0.1:${proxy.port}`]),
    writer: () => openAt(nats.servers),
    appendUnheard: async (store, stream, append) => {
      const hangUp = new AbortController();
      const outcome = store.append(stream, append, hangUp.signal);
      setImmediate(() => hangUp.abort());
      return outcome;
    },
    recreate: async (stream) => {
      await manager.streams.delete(names[stream].stream);
      await (await untilGranted(() => openAt(nats.servers))).close();
    },
    corrupt: async (stream, key, bytes) => {
      const incarnation = stores[0]?.incarnation(stream) ?? "";
      await admin.request(subjectOf(names[stream], incarnation, key), bytes, { timeout: 2_000, headers: headers() });
    },
    cutTails: async () => proxy.cut(),
    rejoin: async () => proxy.mend(),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(stores.map((store) => store.close()));
      await Promise.all(Object.values(names).map(({ stream }) => manager.streams.delete(stream)));
      await admin.close();
      await proxy.stop();
    },
  };
}

conformance("the store over JetStream", jetStreamWorld);
