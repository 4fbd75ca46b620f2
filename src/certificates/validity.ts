/** From when until when a certificate holds. Whole seconds, as DER writes them. */
import { limits } from "../platform/limits.ts";

export interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

const wholeSecond = (ms: number): number => Math.floor(ms / 1000) * 1000;

/** Begins a little in the past, for verifiers whose clock is behind; ends no later than its issuer and `mostMs`. */
export function validityFrom(
  nowMs: number,
  lifetimeMs: number,
  within: Validity & { readonly mostMs: number },
): Validity {
  const notBeforeMs = wholeSecond(Math.max(nowMs - limits.certificateSkewMs, within.notBeforeMs));
  const notAfterMs = wholeSecond(Math.min(nowMs + lifetimeMs, notBeforeMs + within.mostMs, within.notAfterMs));
  return { notBeforeMs, notAfterMs };
}
