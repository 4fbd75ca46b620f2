/**
 * Distributed at a position: every connected proxy holds at least that, in all types, with nothing on its way, waiting
 * or warming. Event-driven: a waiter keeps the streams it still waits for, and looks again only at one that moved. A
 * proxy that connects meanwhile is waited for too; one that goes is not.
 */
import type { Position } from "../compile/layer.ts";
import { reaches } from "./step.ts";
import type { Refusal } from "./type_state.ts";

export interface Holder {
  readonly proxy: string;
  holds(position: Position): boolean;
  /** What it refused of steps up to the position. */
  refusals(position: Position): readonly Refusal[];
}

export interface RefusingProxy {
  readonly proxy: string;
  readonly refusals: readonly Refusal[];
}

export type Distributed =
  | { readonly kind: "done" }
  | { readonly kind: "refused"; readonly proxies: readonly RefusingProxy[] };

interface Waiter {
  readonly position: Position;
  /** undefined until the layers themselves have reached the position. */
  lacking: Set<Holder> | undefined;
  readonly settle: (result: Distributed) => void;
}

export class Distribution {
  readonly #holders = new Set<Holder>();
  readonly #waiters = new Set<Waiter>();
  #applied: Position;

  constructor(applied: Position) {
    this.#applied = applied;
  }

  /** Rejects with the signal's reason when that is aborted first. */
  wait(position: Position, signal?: AbortSignal): Promise<Distributed> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        this.#waiters.delete(waiter);
        reject(signal?.reason);
      };
      const settle = (result: Distributed): void => {
        this.#waiters.delete(waiter);
        signal?.removeEventListener("abort", onAbort);
        resolve(result);
      };
      const waiter: Waiter = { position, lacking: undefined, settle };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiters.add(waiter);
      this.#start(waiter);
    });
  }

  /** Proxies that do not hold the position yet; everybody, while the layers have not reached it. */
  lacking(position: Position): string[] {
    const everybody = !reaches(this.#applied, position);
    return [...this.#holders].filter((holder) => everybody || !holder.holds(position)).map(({ proxy }) => proxy);
  }

  opened(holder: Holder): void {
    this.#holders.add(holder);
    for (const waiter of this.#waiters) {
      if (waiter.lacking && !holder.holds(waiter.position)) waiter.lacking.add(holder);
    }
  }

  closed(holder: Holder): void {
    this.#holders.delete(holder);
    for (const waiter of this.#waiters) if (waiter.lacking?.delete(holder)) this.#decide(waiter);
  }

  /** The layers have a new step, and every stream knows what it owes for it. */
  applied(position: Position): void {
    this.#applied = position;
    for (const waiter of this.#waiters) if (!waiter.lacking) this.#start(waiter);
  }

  /** The stream acknowledged, refused or paid something. */
  moved(holder: Holder): void {
    for (const waiter of this.#waiters) this.#look(waiter, holder);
  }

  #start(waiter: Waiter): void {
    if (!reaches(this.#applied, waiter.position)) return;
    waiter.lacking = new Set(this.#holders);
    for (const holder of this.#holders) if (this.#waiters.has(waiter)) this.#look(waiter, holder);
    this.#decide(waiter);
  }

  #look(waiter: Waiter, holder: Holder): void {
    if (!waiter.lacking) return;
    if (holder.refusals(waiter.position).length > 0) this.#refuse(waiter);
    else if (holder.holds(waiter.position) && waiter.lacking.delete(holder)) this.#decide(waiter);
  }

  #decide(waiter: Waiter): void {
    if (waiter.lacking?.size === 0 && this.#waiters.has(waiter)) waiter.settle({ kind: "done" });
  }

  #refuse({ position, settle }: Waiter): void {
    const proxies = [...this.#holders]
      .map((holder) => ({ proxy: holder.proxy, refusals: holder.refusals(position) }))
      .filter(({ refusals }) => refusals.length > 0);
    settle({ kind: "refused", proxies });
  }
}
