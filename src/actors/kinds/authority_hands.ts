/**
 * The authority's hands: they hold the key that seals root keys, make the first root, and sign intermediates with the
 * active one. They run in the actor's turn before it decides, on the node that owns the actor, and change nothing.
 */
import { createIntermediate, createRoot } from "../../certificates/authority_certificates.ts";
import { fromBase64, toBase64 } from "../../certificates/base64.ts";
import { readCertificate } from "../../certificates/certificate.ts";
import { type Issuer, issuerFrom } from "../../certificates/issuer.ts";
import { exportPrivateKey, importPrivateKey, makeKeyPair } from "../../certificates/key_pair.ts";
import { openKey, type SealingKey, sealKey } from "../../certificates/key_sealing.ts";
import { type TrustDomain, trustDomainFrom } from "../../model/identity.ts";
import { WeftError } from "../../platform/error.ts";
import { type Random, shortId } from "../../platform/random.ts";
import type { Hands, TurnContext } from "../runtime/kind.ts";
import type {
  AuthorityMessage,
  AuthorityRequest,
  AuthorityState,
  AuthorityTypes,
  NewIntermediate,
  NewRoot,
} from "./authority.ts";
import { activeSlot, sealBinding } from "./authority_slots.ts";

export interface AuthorityHandsOptions {
  readonly sealingKey: SealingKey;
  readonly random: Random;
  /** Whether the mesh has a root that the store has lost; asked before a first one is made. Absent: it has none. */
  readonly isLost?: () => boolean;
  /** Of intermediates. Default limits.intermediateLifetimeMs. */
  readonly intermediateLifetimeMs?: number;
}

type Signing = Extract<AuthorityRequest, { readonly type: "signIntermediate" }>;

export function authorityHands(options: AuthorityHandsOptions): Hands<AuthorityTypes> {
  return {
    prepare: (state, request, context) => prepare(options, state, request, context),
    perform: async (effect: never) => effect,
  };
}

async function prepare(
  options: AuthorityHandsOptions,
  state: AuthorityState,
  request: AuthorityRequest,
  context: TurnContext,
): Promise<AuthorityMessage> {
  const domain = trustDomainOf(context.id);
  const active = activeSlot(state.slots);
  if (!active && options.isLost?.()) throw lost(domain);
  const firstRoot = active ? undefined : await makeRoot(options, domain, context.nowMs);
  const slot = active ?? firstRoot;
  if (request.type !== "signIntermediate" || !slot) return { request, ...(firstRoot ? { firstRoot } : {}) };
  const intermediate = await makeIntermediate(options, domain, slot, request, context.nowMs);
  return { request, intermediate, ...(firstRoot ? { firstRoot } : {}) };
}

async function makeRoot(
  { sealingKey, random }: AuthorityHandsOptions,
  trustDomain: TrustDomain,
  nowMs: number,
): Promise<NewRoot> {
  const id = shortId(random, 8);
  const keys = makeKeyPair();
  const root = await createRoot({ trustDomain, slot: id, keys, nowMs, random });
  const sealedKey = sealKey(exportPrivateKey(keys.privateKey), sealBinding(trustDomain, id), sealingKey, random);
  return { id, root: toBase64(root), sealedKey };
}

async function makeIntermediate(
  { sealingKey, random, intermediateLifetimeMs }: AuthorityHandsOptions,
  trustDomain: TrustDomain,
  slot: NewRoot,
  { nodeName, publicKey }: Signing,
  nowMs: number,
): Promise<NewIntermediate | { readonly refused: string }> {
  const key = fromBase64(publicKey);
  if (!key) return { refused: "the node's key is not base64" };
  const lifetime = intermediateLifetimeMs === undefined ? {} : { lifetimeMs: intermediateLifetimeMs };
  const root = await openRoot(trustDomain, slot, sealingKey);
  try {
    const der = await createIntermediate({ trustDomain, nodeName, publicKey: key, nowMs, random, ...lifetime }, root);
    const { serial, notAfterMs } = readCertificate(der);
    return { nodeName, slot: slot.id, serial, notAfterMs, chain: [toBase64(der)] };
  } catch (cause) {
    const failure = WeftError.from(cause, `sign an intermediate for node ${nodeName}`);
    if (failure.code === "invalid") return { refused: failure.because };
    throw failure;
  }
}

async function openRoot(trustDomain: TrustDomain, slot: NewRoot, sealingKey: SealingKey): Promise<Issuer> {
  const pkcs8 = openKey(slot.sealedKey, sealBinding(trustDomain, slot.id), sealingKey);
  return issuerFrom(fromBase64(slot.root) ?? new Uint8Array(), importPrivateKey(pkcs8).privateKey);
}

/** A second first root would cut off every host and proxy that trusts the one before. */
function lost(trustDomain: TrustDomain): WeftError {
  return new WeftError({
    code: "unavailable",
    retry: "later",
    attempted: `make the first root of ${trustDomain}`,
    because: "the mesh has one, which the store has lost",
    next: "meshctl restore; or meshctl freeze --release to begin anew, after which every host joins again",
  });
}

function trustDomainOf(id: string): TrustDomain {
  const trustDomain = trustDomainFrom(id);
  if (trustDomain) return trustDomain;
  const because = `${JSON.stringify(id)} is not a trust domain`;
  throw new WeftError({ code: "invalid", retry: "never", attempted: "act as an authority", because });
}
