// The in-memory twin keeps the promises of every Store.

import { systemClock } from "../../src/platform/clock.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { MemoryServer } from "../../src/store/memory/server.ts";
import type { Store } from "../../src/store/store.ts";
import { conformance } from "./conformance.ts";
import type { StoreWorld } from "./store_world.ts";

async function memoryWorld(): Promise<StoreWorld> {
  const server = new MemoryServer({ clock: systemClock, random: seededRandom(1) });
  const stores: Store[] = [];
  const open = async (): Promise<Store> => {
    const store = server.open();
    stores.push(store);
    return store;
  };
  return {
    open,
    writer: open,
    appendUnheard: async (store, stream, append) => {
      server.faults.lostAnswer = 1;
      const outcome = await store.append(stream, append);
      server.faults.lostAnswer = 0;
      return outcome;
    },
    recreate: async (stream) => server.recreate(stream),
    corrupt: async (stream, key, bytes) => server.overwrite(stream, key, bytes),
    cutTails: async () => server.pauseTails(),
    rejoin: async () => server.resumeTails(),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(stores.map((store) => store.close()));
    },
  };
}

conformance("the in-memory store", memoryWorld);
