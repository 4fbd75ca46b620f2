/**
 * The check of the check: bugs that the simulator must find, each as a switch that wraps a port of a node or changes what
 * a caller or a door does. planted.test.ts holds that every one is caught, and within how many seeds.
 */
import type { ActorKind } from "../../src/actors/runtime/kind.ts";
import type { Answer } from "../../src/actors/runtime/transport.ts";
import { recordKind } from "../../src/store/keys.ts";
import type { Append, Outcome, Store, StoreRecord, StreamName, TailHandler } from "../../src/store/store.ts";
import type { LedgerTypes } from "./kinds.ts";
import { portOf } from "./node.ts";
import type { Plant, PlantContext } from "./plant.ts";

type AppendMethod = Store["append"];

function withAppend(make: (inner: Store, context: PlantContext) => AppendMethod): Plant {
  return { store: (inner, context) => ({ ...portOf(inner), append: make(inner, context) }) };
}

function isActors({ writes: [first] }: Append): boolean {
  return first !== undefined && ["ledger", "keeper"].includes(recordKind(first.key));
}

/** The append as if its writer had seen the records as they are now. */
async function rebased(inner: Store, stream: StreamName, append: Append): Promise<Append> {
  const writes = await Promise.all(
    append.writes.map(async (write) => ({ ...write, seen: await inner.read(stream, write.key) })),
  );
  return { ...append, writes };
}

export const planted = {
  /** An actor's write expects whatever is there. */
  "no compare-and-set for actors": withAppend((inner) => async (stream, append, signal) => {
    if (!isActors(append)) return inner.append(stream, append, signal);
    return inner.append(stream, await rebased(inner, stream, append).catch(() => append), signal);
  }),

  /** Nobody tells an agent's older set from its newer one. */
  "older set replaces a newer one": { unnumberedSets: true },

  "reply before the write": withAppend((inner, { server }) => async (stream, append, signal) => {
    if (!isActors(append)) return inner.append(stream, append, signal);
    const sequence = server.stream(stream).last + append.writes.length;
    void inner.append(stream, append, signal).catch(() => {});
    return { kind: "done", sequence };
  }),

  /** What is unknown is written again, over whatever is there by now. */
  "blind retry": withAppend((inner) => async (stream, append, signal) => {
    const outcome = await inner.append(stream, append, signal);
    if (outcome.kind !== "unknown" || !isActors(append)) return outcome;
    const again = await rebased(inner, stream, append).catch(() => undefined);
    return again ? inner.append(stream, again, signal) : outcome;
  }),

  "new operation for every try": { newOperationEachTry: true },

  /** Not there when it was looked for, so it is told as refused. */
  "read taken as proof": withAppend((inner) => async (stream, append, signal) => {
    const outcome = await inner.append(stream, append, signal);
    const [first] = append.writes;
    if (outcome.kind !== "unknown" || !first) return outcome;
    const now = await inner.read(stream, first.key).catch(() => undefined);
    const found = now?.operations.find(({ id }) => id === append.operation);
    if (found) return { kind: "done", sequence: found.sequence, earlier: true };
    return { kind: "refused", key: undefined, because: "a read did not show it", code: "too-large" };
  }),

  "unknown treated as refused": withAppend((inner) => async (stream, append, signal) => {
    const outcome = await inner.append(stream, append, signal);
    return outcome.kind === "unknown" ? { ...outcome, kind: "refused", key: undefined, code: "too-large" } : outcome;
  }),

  "unknown treated as done": withAppend((inner, { server }) => async (stream, append, signal) => {
    const outcome = await inner.append(stream, append, signal);
    return outcome.kind === "unknown" ? { kind: "done", sequence: server.stream(stream).last } : outcome;
  }),

  /** Somebody else did the operation, and the activation goes on as if it had. */
  "another's write taken for one's own": withAppend((inner) => async (stream, append, signal) => {
    const outcome = await inner.append(stream, append, signal);
    if (outcome.kind !== "done") return outcome;
    return { kind: "done", sequence: outcome.sequence };
  }),

  "activation that survives a refused write": withAppend((inner) => async (stream, append, signal) => {
    const outcome = await inner.append(stream, append, signal);
    if (outcome.kind !== "refused" || !isActors(append)) return outcome;
    const again = await rebased(inner, stream, append).catch(() => undefined);
    return again ? inner.append(stream, again, signal) : outcome;
  }),

  "epoch not raised": withAppend((inner) => (stream, append, signal) => {
    const writes = append.writes.map(({ epoch: _epoch, ...write }) => write);
    return inner.append(stream, isActors(append) ? { ...append, writes } : append, signal);
  }),

  /** A batch goes as so many single writes. */
  "half a batch": withAppend((inner) => async (stream, append, signal) => {
    if (append.writes.length < 2) return inner.append(stream, append, signal);
    let outcome: Outcome = { kind: "unknown", because: "nothing was written" };
    for (const write of append.writes) {
      outcome = await inner.append(stream, { operation: append.operation, writes: [write] }, signal);
      if (outcome.kind !== "done") return outcome;
    }
    return outcome;
  }),

  /** An actor forgets what it did: neither record nor envelope remembers an operation. */
  "duplicate applied twice": {
    store: (inner) => ({
      ...portOf(inner),
      read: async (stream, key, signal) => forgetful(await inner.read(stream, key, signal)),
      append: (stream, append, signal) => {
        const writes = append.writes.map((write) => ({ ...write, value: withoutResults(write.value) }));
        return inner.append(stream, isActors(append) ? { ...append, writes } : append, signal);
      },
    }),
  },

  /** Reads are answered from what this node saw last of the key, not by the leader. */
  "read from a copy": {
    store: (inner, { process }) => {
      const copies = new Map<string, { readonly atMs: number; readonly record: StoreRecord | undefined }>();
      return {
        ...portOf(inner),
        read: async (stream, key, signal) => {
          const copy = copies.get(key);
          if (copy && process.monotonicMs() - copy.atMs < 400) return copy.record;
          const record = await inner.read(stream, key, signal);
          copies.set(key, { atMs: process.monotonicMs(), record });
          return record;
        },
      };
    },
  },

  /** The replica is not told that its stream is another one. */
  "missed resync": { replicaTail: (inner) => ({ ...handlerOf(inner), reset: () => {} }) },

  "replica that publishes mid-batch": {
    replicaTail: (inner) => ({
      ...handlerOf(inner),
      batch: (entries, sequence) => {
        const first = sequence - entries.length + 1;
        if (entries.length < 2) return inner.batch(entries, sequence);
        for (const [at, entry] of entries.entries()) inner.batch([entry], Math.max(first + at, 1));
      },
    }),
  },

  "tombstone forgotten": {
    replicaTail: (inner) => ({
      ...handlerOf(inner),
      batch: (entries, sequence) => {
        const living = entries.filter(({ record }) => record.value !== undefined);
        inner.batch(living, sequence);
      },
    }),
  },

  /** Every fortieth batch of the tail is lost on the way to the replica. */
  "tail that skips": {
    replicaTail: (inner) => {
      let passed = 0;
      return {
        ...handlerOf(inner),
        batch: (entries, sequence) => inner.batch(++passed % 40 === 0 ? [] : entries, sequence),
      };
    },
  },

  "stale node that serves": { takesStreamsWhenStale: true },

  "atLeast that waits for nothing": { ignoresAtLeast: true },

  /** It is kept in memory, and its record says nothing of it. */
  "timer lost with its owner": {
    ledger: (inner: ActorKind<LedgerTypes>, { process, wake }) => ({
      ...inner,
      dueAtMs: () => undefined,
      decide: (state, message, context) => {
        const turn = inner.decide(state, message, context);
        if (message.type === "ring") process.after(message.inMs + 1, () => wake(context.id));
        return turn;
      },
    }),
  },

  /** The runtime follows nobody's records but what it wrote itself: it hears of no timer. */
  "nobody hears of timers": { wakesTail: () => ({ batch: () => {}, reset: () => {}, synced: () => {} }) },

  /** What arrives while another request is being served is dropped in silence. */
  "mailbox that drops": {
    transport: (inner) => ({
      request: (node, request, timeoutMs) => inner.request(node, request, timeoutMs),
      serve: (handler) => {
        let busy = 0;
        inner.serve(async (request) => {
          if (busy > 0) return new Promise<Answer>(() => {});
          busy++;
          return handler(request).finally(() => busy--);
        });
      },
    }),
  },

  "effects before the write": { effectsFirst: true },
} as const satisfies Record<string, Plant>;

export type PlantedBug = keyof typeof planted;
export const plantedBugs = Object.keys(planted) as readonly PlantedBug[];

function handlerOf(inner: TailHandler): TailHandler {
  return {
    batch: (entries, sequence) => inner.batch(entries, sequence),
    reset: (reason) => inner.reset(reason),
    synced: (sequence, incarnation) => inner.synced(sequence, incarnation),
    undecodable: (key, sequence, because) => inner.undecodable?.(key, sequence, because),
    fresh: (sequence, askedMs) => inner.fresh?.(sequence, askedMs),
  };
}

function withoutResults(value: unknown): unknown {
  return typeof value === "object" && value !== null && "results" in value ? { ...value, results: [] } : value;
}

function forgetful(record: StoreRecord | undefined): StoreRecord | undefined {
  return record && { ...record, operations: [], value: withoutResults(record.value) };
}
