/** A small trust domain for tests: root, intermediate, bundle. */

import type { BundleSet } from "../../src/certificates/attestation/protocol.ts";
import { createIntermediate, createRoot } from "../../src/certificates/authority_certificates.ts";
import { bundleOf } from "../../src/certificates/bundle.ts";
import { type Issuer, issuerFrom } from "../../src/certificates/issuer.ts";
import type { KeyPair } from "../../src/certificates/key_pair.ts";
import { makeKeyPair } from "../../src/certificates/key_pair.ts";
import { issueSvid, type Svid } from "../../src/certificates/svid.ts";
import { type SpiffeId, serviceAccountId, trustDomainFrom } from "../../src/model/identity.ts";
import { defaultNamespace } from "../../src/model/names.ts";
import { systemRandom } from "../../src/platform/random.ts";

export const trustDomain = trustDomainFrom("cluster.local") ?? unnamed();

function unnamed(): never {
  throw new Error("cluster.local is a trust domain");
}

export function spiffeId(serviceAccount: string): SpiffeId {
  return serviceAccountId(trustDomain, { namespace: defaultNamespace, serviceAccount });
}

export interface TrustChain {
  readonly rootIssuer: Issuer;
  readonly root: Uint8Array;
  readonly issuer: Issuer;
  readonly bundle: BundleSet;
}

export async function trustChain(nowMs: number, lifetimeMs?: number): Promise<TrustChain> {
  const random = systemRandom;
  const rootKeys = makeKeyPair();
  const root = await createRoot({ trustDomain, slot: "test", keys: rootKeys, nowMs, random });
  const rootIssuer = await issuerFrom(root, rootKeys.privateKey);
  const keys = makeKeyPair();
  const span = lifetimeMs === undefined ? {} : { lifetimeMs };
  const request = { trustDomain, nodeName: "node-1", publicKey: keys.publicKey, nowMs, random, ...span };
  const intermediate = await createIntermediate(request, rootIssuer);
  const issuer = await issuerFrom(intermediate, keys.privateKey, [intermediate]);
  return { rootIssuer, root, issuer, bundle: bundleOf(trustDomain, [root], 1) };
}

export function svidFor(name: SpiffeId, chain: TrustChain, nowMs: number, keys: KeyPair = makeKeyPair()): Svid {
  const order = { spiffeId: name, publicKey: keys.publicKey, lifetimeMs: 60 * 60 * 1000 };
  return issueSvid(order, chain.issuer, nowMs, systemRandom);
}
