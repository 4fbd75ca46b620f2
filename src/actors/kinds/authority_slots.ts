/**
 * A trust domain's roots, each in a slot:
 *
 *   prepared ──every live proxy trusts it──► active ──another is active──► retiring ──nothing it signed lives──► (gone)
 *
 * There is at most one active slot; its root signs intermediates. The roots of all slots are trusted. The first slot of
 * a domain becomes active at once, since nobody trusts anything else yet. Other moves are refused: a broken invariant.
 */

import type { BundleSet } from "../../certificates/attestation/protocol.ts";
import { fromBase64 } from "../../certificates/base64.ts";
import { bundleOf } from "../../certificates/bundle.ts";
import { decodeSealedKey } from "../../certificates/key_sealing.ts";
import { type Decoded, integer, list, object, parsed, text, union } from "../../platform/decode.ts";
import { invariant } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";

const decodePhase = union("phase", {
  prepared: object({ sinceMs: integer(0) }),
  active: object({ sinceMs: integer(0) }),
  retiring: object({ sinceMs: integer(0) }),
});

export type Phase = Decoded<typeof decodePhase>;

const decodeSlot = object({
  id: text(64),
  /** The root, base64 DER. */
  root: parsed("base64", (word) => (fromBase64(word) ? word : undefined)),
  /** Its private key, bound to sealBinding. */
  sealedKey: decodeSealedKey,
  phase: decodePhase,
});

export type Slot = Decoded<typeof decodeSlot>;

export const decodeSlots = list(decodeSlot, limits.authoritySlots);

const allowed: Readonly<Record<Phase["phase"], readonly Phase["phase"][]>> = {
  prepared: ["active"],
  active: ["retiring"],
  retiring: [],
};

export function moveSlot(slot: Slot, phase: Phase["phase"], nowMs: number): Slot {
  invariant(
    allowed[slot.phase.phase].includes(phase),
    `slot ${slot.id} does not go from ${slot.phase.phase} to ${phase}`,
  );
  return { ...slot, phase: { phase, sinceMs: nowMs } };
}

export function activeSlot(slots: readonly Slot[]): Slot | undefined {
  return slots.find(({ phase }) => phase.phase === "active");
}

/** What the sealed key of a slot is bound to. */
export function sealBinding(trustDomain: string, slot: string): string {
  return `authority/${trustDomain}/${slot}`;
}

/** The active root first, then the others in the order of their making. */
export function bundleOfSlots(trustDomain: string, slots: readonly Slot[], sequence: number): BundleSet {
  const active = activeSlot(slots);
  const ordered = active ? [active, ...slots.filter((slot) => slot !== active)] : slots;
  const roots = ordered.map(({ root }) => fromBase64(root)).filter((der) => der !== undefined);
  return bundleOf(trustDomain, roots, sequence);
}
