/**
 * A workload's client (`meshctl run`): the stream that events go to, and how long the workload lives without one. A new
 * stream takes the place of the one before; when the last one ends, a grace begins, at whose end the workload is over.
 */
import type { RunEvent } from "../model/run.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import { limits } from "../platform/limits.ts";

export interface Client {
  tell(event: RunEvent): void;
  /** No more events. */
  end(): void;
}

export class Session {
  readonly #clock: Clock;
  readonly #abandoned: () => void;
  #client: Client | undefined;
  #grace: Timer | undefined;

  constructor(clock: Clock, abandoned: () => void) {
    this.#clock = clock;
    this.#abandoned = abandoned;
  }

  get attended(): boolean {
    return this.#client !== undefined;
  }

  attach(client: Client): void {
    this.#grace?.cancel();
    this.#client?.end();
    this.#client = client;
  }

  /** Its stream broke. One that another client has replaced means nothing any more. */
  detach(client: Client): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.wait(limits.sessionGraceMs);
  }

  wait(graceMs: number): void {
    this.#grace?.cancel();
    this.#grace = this.#clock.after(graceMs, this.#abandoned);
  }

  tell(event: RunEvent): void {
    this.#client?.tell(event);
  }

  close(): void {
    this.#grace?.cancel();
    this.#client?.end();
    this.#client = undefined;
  }
}
