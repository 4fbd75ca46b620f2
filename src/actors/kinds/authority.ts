/**
 * The certificate authority: the actor that owns a trust domain (its id is the domain's name). It keeps the roots with
 * their sealed private keys, and signs each node's intermediate; nodes sign everything else themselves. `decide` has no
 * keys: a new root, or a signed intermediate, is made before the turn (authority_hands.ts) and comes with the message.
 * What was made for a turn that is not written is forgotten, so nothing is signed by a root that no record has.
 */

import type { BundleSet } from "../../certificates/attestation/protocol.ts";
import { decodeBundle } from "../../certificates/bundle.ts";
import type { SealedKey } from "../../certificates/key_sealing.ts";
import { type Decoded, integer, list, literal, object, record, text, union } from "../../platform/decode.ts";
import { limits } from "../../platform/limits.ts";
import { authorityRecord } from "../../store/keys.ts";
import type { ActorKind, Turn, TurnContext } from "../runtime/kind.ts";
import { activeSlot, bundleOfSlots, decodeSlots, moveSlot, type Slot } from "./authority_slots.ts";

const decodeState = object({
  format: literal(1),
  /** Rises with every change of the roots. */
  sequence: integer(0),
  slots: decodeSlots,
  /** Node → the intermediate it got last: what `ca status` shows, and which root still has living children. */
  intermediates: record(object({ slot: text(64), serial: text(64), notAfterMs: integer(0) })),
});

export type AuthorityState = Decoded<typeof decodeState>;

const decodeRequest = union("type", {
  /** Makes the first root if there is none. */
  wake: object({}),
  bundle: object({}),
  /** publicKey: the node's CA key, SPKI, base64 DER. */
  signIntermediate: object({ nodeName: text(63, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/), publicKey: text(1024) }),
});

export type AuthorityRequest = Decoded<typeof decodeRequest>;

/** A root that was made for this turn, to be the domain's first. */
export interface NewRoot {
  readonly id: string;
  readonly root: string;
  readonly sealedKey: SealedKey;
}

export interface NewIntermediate {
  readonly nodeName: string;
  readonly slot: string;
  readonly serial: string;
  readonly notAfterMs: number;
  /** Base64 DER, the intermediate first, without the root. */
  readonly chain: readonly string[];
}

/** What the hands made for a request, on the state that `decide` sees. */
export interface AuthorityMessage {
  readonly request: AuthorityRequest;
  readonly firstRoot?: NewRoot;
  readonly intermediate?: NewIntermediate | { readonly refused: string };
}

const decodeReply = union("kind", {
  bundle: object({ bundle: decodeBundle }),
  intermediate: object({ chain: list(text(16_384), 8), notAfterMs: integer(0), bundle: decodeBundle }),
  refused: object({ code: text(64), message: text(1024) }),
});

export type AuthorityReply = Decoded<typeof decodeReply>;

export interface AuthorityTypes {
  readonly State: AuthorityState;
  readonly Request: AuthorityRequest;
  readonly Message: AuthorityMessage;
  readonly Reply: AuthorityReply;
  readonly Effect: never;
}

function withFirstRoot(state: AuthorityState, made: NewRoot | undefined, nowMs: number): AuthorityState {
  if (!made || activeSlot(state.slots)) return state;
  const slot: Slot = { ...made, phase: { phase: "prepared", sinceMs: nowMs } };
  return { ...state, sequence: state.sequence + 1, slots: [...state.slots, moveSlot(slot, "active", nowMs)] };
}

function withIntermediate(state: AuthorityState, made: NewIntermediate, nowMs: number): AuthorityState {
  const { nodeName, slot, serial, notAfterMs } = made;
  const living = Object.entries(state.intermediates).filter(
    ([name, one]) => name !== nodeName && one.notAfterMs > nowMs,
  );
  const newest = living.sort(([, a], [, b]) => b.notAfterMs - a.notAfterMs).slice(0, limits.authorityIntermediates - 1);
  const intermediates = Object.fromEntries([...newest, [nodeName, { slot, serial, notAfterMs }]]);
  return { ...state, intermediates };
}

function decide(
  before: AuthorityState,
  { request, firstRoot, intermediate }: AuthorityMessage,
  { id, nowMs }: TurnContext,
): Turn<AuthorityTypes> {
  const state = withFirstRoot(before, firstRoot, nowMs);
  const bundle = bundleOfSlots(id, state.slots, state.sequence);
  if (request.type !== "signIntermediate") {
    return { state, reply: { kind: "bundle", bundle }, mayBeStale: true };
  }
  if (!intermediate || "refused" in intermediate) {
    const message = intermediate?.refused ?? "no intermediate was made for it";
    return { state, reply: { kind: "refused", code: "intermediate-refused", message } };
  }
  const { chain, notAfterMs } = intermediate;
  return {
    state: withIntermediate(state, intermediate, nowMs),
    reply: { kind: "intermediate", chain, notAfterMs, bundle },
  };
}

export const authority: ActorKind<AuthorityTypes> = {
  kind: "authority",
  runs: "always",
  record: authorityRecord,
  initial: () => ({ format: 1, sequence: 0, slots: [], intermediates: {} }),
  decodeState,
  decodeRequest,
  decodeReply,
  // Rotation's steps will be due here.
  dueAtMs: () => undefined,
  wake: { type: "wake" },
  decide,
};

/** The bundle of a record's state, for whoever reads records and is not the actor. */
export function bundleOfState(trustDomain: string, state: AuthorityState): BundleSet {
  return bundleOfSlots(trustDomain, state.slots, state.sequence);
}
