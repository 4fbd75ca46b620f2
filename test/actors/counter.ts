/** An actor kind for tests: it counts, can be due, has effects, and can be made to wait in the middle of a turn. */

import type { ActorKind, Fence, Hands } from "../../src/actors/runtime/kind.ts";
import { type Decoded, integer, object, union } from "../../src/platform/decode.ts";
import type { RecordKey } from "../../src/store/store.ts";

const decodeState = object({ count: integer() }, { dueAtMs: integer() });
const decodeRequest = union("type", {
  add: object({ by: integer() }),
  read: object({}),
  glance: object({}),
  dueIn: object({ ms: integer() }),
  break: object({}),
  wake: object({}),
});
const decodeReply = object({ count: integer() });

export interface CounterTypes {
  readonly State: Decoded<typeof decodeState>;
  readonly Request: Decoded<typeof decodeRequest>;
  readonly Message: Decoded<typeof decodeRequest>;
  readonly Reply: Decoded<typeof decodeReply>;
  readonly Effect: { readonly announced: number };
}

export const counterKey = (id: string): RecordKey => `counter.${id}` as RecordKey;

export function counterKind(runs: "on-demand" | "always" = "on-demand"): ActorKind<CounterTypes> {
  return {
    kind: "counter",
    runs,
    record: counterKey,
    initial: () => ({ count: 0 }),
    decodeState,
    decodeRequest,
    decodeReply,
    dueAtMs: (state) => state.dueAtMs,
    wake: { type: "wake" },
    decide(state, message, { nowMs }) {
      switch (message.type) {
        case "add": {
          const count = state.count + message.by;
          return { state: { ...state, count }, reply: { count }, effects: [{ announced: count }] };
        }
        case "read":
          return { state, reply: { count: state.count } };
        case "glance":
          return { state, reply: { count: state.count }, mayBeStale: true };
        case "dueIn":
          return { state: { ...state, dueAtMs: nowMs + message.ms }, reply: { count: state.count } };
        case "break":
          throw new Error("a bug in the kind");
        case "wake": {
          const due = state.dueAtMs !== undefined && state.dueAtMs <= nowMs;
          if (!due && runs === "on-demand") return { state, reply: { count: state.count }, mayBeStale: true };
          const { dueAtMs: _done, ...rest } = state;
          return { state: { ...rest, count: state.count + 1000 }, reply: { count: state.count + 1000 } };
        }
      }
    },
  };
}

/** Hands that say what was performed, and that a test can make wait. */
export class CounterHands implements Hands<CounterTypes> {
  readonly performed: { readonly announced: number; readonly fence: Fence }[] = [];
  #gate: Promise<void> = Promise.resolve();
  prepared = 0;

  /** Turns stop before they decide until the answer is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    return resolve;
  }

  async prepare(_state: CounterTypes["State"], request: CounterTypes["Request"]): Promise<CounterTypes["Message"]> {
    this.prepared++;
    await this.#gate;
    return request;
  }

  async perform({ announced }: CounterTypes["Effect"], fence: Fence): Promise<void> {
    this.performed.push({ announced, fence });
  }
}
