/** Chance, as a port. Only this module rolls dice, so that a seed replays whatever used it. */
import { randomFillSync } from "node:crypto";

export interface Random {
  /** Uniform in [0, 1). */
  unit(): number;
  bytes(length: number): Uint8Array;
}

// Asking the system costs 10 µs, however few bytes: it is asked for many at once. Each byte is given out once.
const pool = new Uint8Array(4_096);
let poolLeft = 0;

function systemBytes(length: number): Uint8Array {
  if (length > pool.length / 8) return randomFillSync(new Uint8Array(length));
  if (length > poolLeft) {
    randomFillSync(pool);
    poolLeft = pool.length;
  }
  poolLeft -= length;
  const taken = pool.slice(poolLeft, poolLeft + length);
  // Nothing that was given out, a key perhaps, stays behind here.
  pool.fill(0, poolLeft, poolLeft + length);
  return taken;
}

export const systemRandom: Random = {
  unit: () => Math.random(),
  bytes: systemBytes,
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
