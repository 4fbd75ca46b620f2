/** Trust bundles: the roots of each trust domain, kept apart by domain and never merged. */
import { createHash } from "node:crypto";
import { integer, list, object, record, text } from "../platform/decode.ts";
import type { BundleSet } from "./attestation/protocol.ts";
import { fromBase64, toBase64 } from "./base64.ts";

/** The bundle of one trust domain alone. The active root comes first: it is the one that join tokens name. */
export function bundleOf(trustDomain: string, roots: readonly Uint8Array[], sequence: number): BundleSet {
  return { sequence, trustDomain, roots: { [trustDomain]: roots.map(toBase64) } };
}

/** Roots of one domain, DER; none when the bundle does not know it. What is not base64 is left out. */
export function rootsOf(bundle: BundleSet, trustDomain: string): Uint8Array[] {
  const roots = Object.hasOwn(bundle.roots, trustDomain) ? (bundle.roots[trustDomain] ?? []) : [];
  return roots.map(fromBase64).filter((der) => der !== undefined);
}

/** SHA-256 of the certificate's DER, lower-case hex: what a join token pins. */
export function fingerprint(certificate: Uint8Array): string {
  return createHash("sha256").update(certificate).digest("hex");
}

/** A bundle never goes back: of two, the one with the higher sequence. */
export function newerBundle(held: BundleSet | undefined, offered: BundleSet): BundleSet {
  return held && held.sequence >= offered.sequence ? held : offered;
}

export const decodeBundle = object({
  sequence: integer(0),
  trustDomain: text(255),
  roots: record(list(text(16_384), 64), 10_000),
});
