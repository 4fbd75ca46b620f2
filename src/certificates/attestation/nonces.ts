/**
 * Challenges that cost nothing to give. A nonce carries its own end and a MAC under a key that this node made at start,
 * so an unauthenticated flood of challenges fills no memory. Only a nonce that came back under a good signature is
 * remembered, until it would have ended, so that it works once. Good on the node that gave it, for one host.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Clock } from "../../platform/clock.ts";
import { limits } from "../../platform/limits.ts";
import type { Random } from "../../platform/random.ts";

export type Spent = "spent" | "again" | "full";

export class Nonces {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #key: Uint8Array;
  /** Nonce → when it ends, oldest first. */
  readonly #spent = new Map<string, number>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
    this.#key = random.bytes(32);
  }

  give(hostName: string): string {
    const endsMs = Math.floor(this.#clock.monotonicMs()) + limits.attestNonceMs;
    const body = `${endsMs}.${Buffer.from(this.#random.bytes(16)).toString("base64url")}`;
    return `${body}.${this.#mac(body, hostName)}`;
  }

  /** Whether this node gave it to this host and it has not ended. */
  holds(nonce: string, hostName: string): boolean {
    const [ends = "", chance = "", mac = "", ...rest] = nonce.split(".");
    const expected = Buffer.from(this.#mac(`${ends}.${chance}`, hostName));
    const given = Buffer.from(mac);
    const genuine = rest.length === 0 && given.length === expected.length && timingSafeEqual(given, expected);
    return genuine && Number(ends) > this.#clock.monotonicMs();
  }

  /** Call only after the signature over it was found good. */
  spend(nonce: string): Spent {
    const nowMs = this.#clock.monotonicMs();
    for (const [old, endsMs] of this.#spent) {
      if (endsMs > nowMs) break;
      this.#spent.delete(old);
    }
    if (this.#spent.has(nonce)) return "again";
    if (this.#spent.size >= limits.attestNoncesSpent) return "full";
    this.#spent.set(nonce, nowMs + limits.attestNonceMs);
    return "spent";
  }

  #mac(body: string, hostName: string): string {
    return createHmac("sha256", this.#key).update(`${body}\n${hostName}`).digest("base64url");
  }
}
