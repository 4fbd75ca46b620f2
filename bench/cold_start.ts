/**
 * A node that starts reads what there is. How long, beside a log that is much longer than all the rest: with the log left
 * out of the first reading, as nodes do, and with it.
 *
 *   npm run bench -- cold_start [--objects 2000] [--log 40000] [--rounds 5] [--json]
 *
 * One nats-server on this machine, one copy of each stream. A round opens a store of its own and ends when the replica has
 * all that the leader named.
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { meshRecordKinds } from "../src/meshd/mesh_record.ts";
import { systemClock } from "../src/platform/clock.ts";
import { silentLogger } from "../src/platform/log.ts";
import { systemRandom } from "../src/platform/random.ts";
import { openJetStreamStore } from "../src/store/jetstream/open.ts";
import { Replica } from "../src/store/replica.ts";
import type { OperationId, RecordKey, Store } from "../src/store/store.ts";
import { Nats, systemAccount, weftAccount } from "../test/support/nats.ts";
import { median } from "./quantile.ts";

const { values } = parseArgs({
  options: {
    objects: { type: "string", default: "2000" },
    log: { type: "string", default: "40000" },
    rounds: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
});
const [objects, log, rounds] = [Number(values.objects), Number(values.log), Number(values.rounds)];
const writersAtOnce = 64;
const spec = { host: "reviews", note: "x".repeat(400) };

function open(servers: readonly string[]): Promise<Store> {
  return openJetStreamStore({
    ...{ ...weftAccount, servers, cluster: "bench", replicas: 1, system: systemAccount },
    ...{ clock: systemClock, random: systemRandom, logger: silentLogger },
  });
}

/** Objects that are written over and over, each time with an entry of the log. */
async function fill(store: Store): Promise<void> {
  const each = objects / writersAtOnce;
  await Promise.all(
    Array.from({ length: writersAtOnce }, async (_, writer) => {
      for (let turn = 0; turn < log / writersAtOnce; turn++) {
        const key = `object.destinationrule.default.o-${writer}-${turn % Math.ceil(each)}` as RecordKey;
        const seen = await store.read("records", key);
        const changes = [{ key, before: seen?.value, after: spec }];
        const entry = { who: "bench", what: "apply", atMs: turn, changes };
        const operation = `${writer}-${turn}` as OperationId;
        await store.append("records", { operation, writes: [{ key, value: spec, seen }], log: entry });
      }
    }),
  );
}

async function synced(servers: readonly string[], kinds: readonly string[] | undefined): Promise<number> {
  const store = await open(servers);
  const startMs = performance.now();
  const replica = new Replica({ store, clock: systemClock, decode: ({ value }) => value, ...(kinds && { kinds }) });
  await replica.whenSynced();
  const tookMs = performance.now() - startMs;
  await replica.close();
  await store.close();
  return tookMs;
}

const nats = await Nats.start();
try {
  const store = await open(nats.servers);
  await fill(store);
  const messages = await store.lastSequence("records");
  await store.close();
  const took = { without: [] as number[], with: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    took.without.push(await synced(nats.servers, meshRecordKinds));
    took.with.push(await synced(nats.servers, undefined));
  }
  const figures = {
    ...{ objects, log, last_sequence: messages },
    synced_ms: { log_left_out: median(took.without), log_read: median(took.with) },
    load_average: loadavg()[0],
  };
  console.log(values.json ? JSON.stringify(figures) : figures);
} finally {
  await nats.stop();
}
