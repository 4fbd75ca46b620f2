/**
 * Two actor kinds whose states say all that was done to them, so that whoever reads the stream can check it.
 *
 * A ledger (on demand) keeps every tag it was told, in order, and timers that write their tag when they fire. A keeper
 * always runs, and ticks. Both carry the activation that wrote: each decoding or making of a state is a new one.
 */
import { type ActorKind, emptyHands, type Fence, type Hands } from "../../src/actors/runtime/kind.ts";
import { anything, integer, list, object, text, union } from "../../src/platform/decode.ts";
import { escapeToken } from "../../src/store/keys.ts";
import type { RecordKey } from "../../src/store/store.ts";

const tags = list(text(64));
const timer = object({ tag: text(64), atMs: integer() });

export interface LedgerState {
  readonly activation: string;
  readonly entries: readonly string[];
  readonly timers: readonly { readonly tag: string; readonly atMs: number }[];
}

export const decodeLedger = object({ activation: text(64), entries: tags, timers: list(timer) });
const decodeLedgerRequest = union("type", {
  note: object({ tag: text(64) }),
  read: object({}),
  ring: object({ tag: text(64), inMs: integer(0) }),
  wake: object({}),
});
const decodeLedgerReply = object({ entries: tags });

export type LedgerRequest =
  | { readonly type: "note"; readonly tag: string }
  | { readonly type: "read" }
  | { readonly type: "ring"; readonly tag: string; readonly inMs: number }
  | { readonly type: "wake" };

export interface LedgerTypes {
  readonly State: LedgerState;
  readonly Request: LedgerRequest;
  readonly Message: LedgerRequest;
  readonly Reply: { readonly entries: readonly string[] };
  /** Written down outside the store. */
  readonly Effect: { readonly tag: string };
}

export const ledgerKey = (id: string): RecordKey => `ledger.${escapeToken(id)}` as RecordKey;
export const keeperKey = (id: string): RecordKey => `keeper.${escapeToken(id)}` as RecordKey;

/** @param activation a name nobody had before, for each activation. */
export function ledgerKind(activation: () => string): ActorKind<LedgerTypes> {
  return {
    kind: "ledger",
    runs: "on-demand",
    record: ledgerKey,
    initial: () => ({ activation: activation(), entries: [], timers: [] }),
    decodeState: (value, path) => ({ ...decodeLedger(value, path), activation: activation() }),
    decodeRequest: decodeLedgerRequest,
    decodeReply: decodeLedgerReply,
    dueAtMs: ({ timers }) => (timers.length === 0 ? undefined : Math.min(...timers.map(({ atMs }) => atMs))),
    wake: { type: "wake" },
    decide(state, message, { nowMs }) {
      switch (message.type) {
        case "note": {
          const entries = [...state.entries, message.tag];
          return { state: { ...state, entries }, reply: { entries: [] }, effects: [{ tag: message.tag }] };
        }
        case "read":
          return { state, reply: { entries: state.entries } };
        case "ring": {
          const timers = [...state.timers, { tag: message.tag, atMs: nowMs + message.inMs }];
          return { state: { ...state, timers }, reply: { entries: [] } };
        }
        case "wake": {
          const due = state.timers.filter(({ atMs }) => atMs <= nowMs);
          if (due.length === 0) return { state, reply: { entries: [] }, mayBeStale: true };
          const timers = state.timers.filter(({ atMs }) => atMs > nowMs);
          const entries = [...state.entries, ...due.map(({ tag }) => tag)];
          return { state: { ...state, entries, timers }, reply: { entries: [] } };
        }
      }
    },
  };
}

export function ledgerHands(perform: (tag: string, fence: Fence) => void): Hands<LedgerTypes> {
  return {
    prepare: async (_state, request) => request,
    perform: async ({ tag }, fence) => perform(tag, fence),
  };
}

export interface KeeperState {
  readonly activation: string;
  readonly ticks: number;
  readonly nextMs: number;
}

export interface KeeperTypes {
  readonly State: KeeperState;
  readonly Request: { readonly type: "tick" };
  readonly Message: { readonly type: "tick" };
  readonly Reply: { readonly ticks: number };
  readonly Effect: never;
}

export const decodeKeeper = object({ activation: text(64), ticks: integer(0), nextMs: integer() });
export const tickMs = 1_500;

export function keeperKind(activation: () => string): ActorKind<KeeperTypes> {
  return {
    kind: "keeper",
    runs: "always",
    record: keeperKey,
    initial: () => ({ activation: activation(), ticks: 0, nextMs: 0 }),
    decodeState: (value, path) => ({ ...decodeKeeper(value, path), activation: activation() }),
    decodeRequest: union("type", { tick: object({}) }),
    decodeReply: object({ ticks: integer(0) }),
    dueAtMs: ({ nextMs }) => nextMs,
    wake: { type: "tick" },
    decide(state, _message, { nowMs }) {
      if (state.nextMs > nowMs) return { state, reply: { ticks: state.ticks }, mayBeStale: true };
      const ticks = state.ticks + 1;
      return { state: { ...state, ticks, nextMs: nowMs + tickMs }, reply: { ticks } };
    },
  };
}

export const keeperHands = emptyHands<KeeperTypes>((request) => request);

/** The head of an actor's record, as the checks read it. */
export const decodeActorValue = object(
  { format: integer(), id: text(1024), state: anything, results: list(anything) },
  { dueAtMs: integer() },
);
