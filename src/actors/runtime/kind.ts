/** What an actor's author writes: a kind, which decides, and its hands, which prepare and perform. */
import type { Decode } from "../../platform/decode.ts";
import type { RecordKey, Sequence } from "../../store/store.ts";

/** One actor: a kind and an id. */
export interface Address {
  readonly kind: string;
  readonly id: string;
}

export function addressKey({ kind, id }: Address): string {
  return `${kind}/${id}`;
}

/** The types of a kind, as one bag. All but Message and Effect are plain JSON data. */
export interface ActorTypes {
  readonly State: unknown;
  /** What a caller sends. */
  readonly Request: unknown;
  /** What `decide` gets: the request, and with it any material that chance, keys or time went into. */
  readonly Message: unknown;
  readonly Reply: unknown;
  readonly Effect: unknown;
}

export interface TurnContext {
  readonly id: string;
  readonly nowMs: number;
}

export interface Turn<T extends ActorTypes> {
  /** The same object as before: nothing changed, nothing is written. */
  readonly state: T["State"];
  readonly reply: T["Reply"];
  /** Performed once, after the write. They can be lost with the node: what must happen also stands in the state. */
  readonly effects?: readonly T["Effect"][];
  /** Of a turn that changes nothing: the reply may be older than the store. Otherwise the record is read again first. */
  readonly mayBeStale?: boolean;
}

/** A record's sequence and epoch: whoever an effect reaches can tell a late one from a newer one. */
export interface Fence {
  readonly id: string;
  readonly sequence: Sequence;
  readonly epoch: number;
}

export interface ActorKind<T extends ActorTypes> {
  /** Also the first token of its records' keys. */
  readonly kind: string;
  /** `always`: every one of them that is known runs on the node it is placed on, woken when it gets there. */
  readonly runs: "on-demand" | "always";
  record(id: string): RecordKey;
  initial(id: string): T["State"];
  readonly decodeState: Decode<T["State"]>;
  readonly decodeRequest: Decode<T["Request"]>;
  readonly decodeReply: Decode<T["Reply"]>;
  /** When the actor wants to be woken, wall time. Kept in the record, so it outlives its node. */
  dueAtMs(state: T["State"]): number | undefined;
  /** What it is sent when it is due, or must run. May come early, late and twice; a kind that needs none has none. */
  readonly wake?: T["Request"];
  /** Synchronous and pure. A refusal is a reply, not an exception. */
  decide(state: T["State"], message: T["Message"], context: TurnContext): Turn<T>;
}

export interface Hands<T extends ActorTypes> {
  /**
   * Runs in the actor's turn, before `decide`, on the same state. It makes things and changes nothing outside: what it
   * made is forgotten when the turn's write is refused, and then it runs again.
   */
  prepare(state: T["State"], request: T["Request"], context: TurnContext): Promise<T["Message"]>;
  perform(effect: T["Effect"], fence: Fence): Promise<void>;
}

/** Of kinds whose requests need nothing made for them and that have no effects. */
export function emptyHands<T extends ActorTypes & { readonly Effect: never }>(
  this: void,
  message: (request: T["Request"]) => T["Message"],
): Hands<T> {
  return {
    prepare: async (_state, request) => message(request),
    perform: async (effect: never) => effect,
  };
}
