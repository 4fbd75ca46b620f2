/** The Signer port over the worker pool: batches of at most limits.signBatch, in the order of the requests. */
import type { Issuer } from "../certificates/issuer.ts";
import type { Signer, SvidAnswer, SvidOrderFor } from "../certificates/signer.ts";
import type { Clock } from "../platform/clock.ts";
import { limits } from "../platform/limits.ts";
import type { WorkerPool } from "./pool.ts";

export class PoolSigner implements Signer {
  readonly #pool: WorkerPool;
  readonly #clock: Clock;

  constructor(pool: WorkerPool, clock: Clock) {
    this.#pool = pool;
    this.#clock = clock;
  }

  async signSvids(
    issuer: Issuer,
    requests: readonly SvidOrderFor[],
    lifetimeMs: number,
  ): Promise<readonly SvidAnswer[]> {
    const nowMs = this.#clock.nowMs();
    const batches: Promise<readonly SvidAnswer[]>[] = [];
    for (let from = 0; from < requests.length; from += limits.signBatch) {
      const batch = requests.slice(from, from + limits.signBatch);
      const task = { kind: "sign", issuer, requests: batch, lifetimeMs, nowMs } as const;
      batches.push(this.#pool.run(task).then(({ answers }) => answers));
    }
    return (await Promise.all(batches)).flat();
  }
}
