/** Chance, as a port. Only this module rolls dice, so that a seed replays whatever used it. */
import { randomBytes } from "node:crypto";

export interface Random {
  /** Uniform in [0, 1). */
  unit(): number;
  bytes(length: number): Uint8Array;
}

export const systemRandom: Random = {
  unit: () => Math.random(),
  bytes: (length) => new Uint8Array(randomBytes(length)),
};

/** A small, fast generator (mulberry32) for tests and the simulator. Never for keys. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const unit = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { unit, bytes: (length) => Uint8Array.from({ length }, () => Math.floor(unit() * 256)) };
}

/** Uniform whole number in [low, high). */
export function integerIn(random: Random, low: number, high: number): number {
  return low + Math.floor(random.unit() * (high - low));
}

/** `baseMs` spread by ±`share` (0.2 = ±20 %), so that a fleet does not act in step. */
export function jittered(random: Random, baseMs: number, share: number): number {
  return baseMs * (1 - share + 2 * share * random.unit());
}

const crockford = "0123456789abcdefghjkmnpqrstvwxyz";

/** Lower-case ULID: 10 characters of milliseconds, 16 of chance. Sorts by time. */
export function ulid(random: Random, nowMs: number): string {
  let time = "";
  for (let left = nowMs, i = 0; i < 10; i++, left = Math.floor(left / 32)) time = crockford[left % 32] + time;
  return time + Array.from(random.bytes(16), (byte) => crockford[byte % 32]).join("");
}

/** A short identifier of lower-case letters and digits (5 bits a character). */
export function shortId(random: Random, length: number): string {
  return Array.from(random.bytes(length), (byte) => crockford[byte % 32]).join("");
}
