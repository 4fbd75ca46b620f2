/**
 * A tail on one stream: everything from the first record, in order, in whole appends, for ever.
 *
 *   waiting for a session ─▶ asking the leader (incarnation, last sequence) ─▶ pulling from our sequence on
 *        ▲                                                                        │
 *        └──── the session ended · heartbeats missing · a message lost · stalled ─┘
 *
 * Whatever breaks, it goes on from the sequence it has, which is exact: what was overwritten meanwhile comes with the
 * record that overwrote it, and framing.ts holds it back until nothing is torn. Only when the stream is not the same any
 * more, by its incarnation or by a last sequence below ours, it says `reset` and begins with the first record.
 *
 * A first reading of some kinds alone goes ahead of that, on a consumer of those: a log is passed over by the server.
 * What is overwritten meanwhile stands behind it, so it is held like all that is torn.
 *
 * Each second the leader is asked for its last sequence. When all up to it has been passed, at once or a little later,
 * the tail is `fresh` as of the question. Ahead of us for `limits.tailStallMs` without a message: the consumer hangs,
 * however healthy it looks, and is made anew.
 */
import { type Clock, sleep, type Timer } from "../../platform/clock.ts";
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import { integerIn, type Random } from "../../platform/random.ts";
import { Deadline } from "../deadline.ts";
import { deliver } from "../deliver.ts";
import { type Frame, Framer } from "../framing.ts";
import type { Sequence, Tail, TailHandler } from "../store.ts";
import { type Connection, during, type Session } from "./connection.ts";
import type { StreamNames } from "./names.ts";
import { Pull, type PullOptions } from "./pull.ts";
import { readState, type StreamState } from "./streams.ts";

export interface JetStreamTailOptions {
  readonly connection: Connection;
  readonly names: StreamNames;
  readonly handler: TailHandler;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Whether appends are held whole across gaps. */
  readonly holds: boolean;
  onIncarnation(incarnation: string): void;
  onStop(): void;
}

interface Pulling<Reason extends string | undefined = string> {
  readonly session: Session;
  end(reason: string): void;
  readonly ended: Promise<Reason>;
}

export class JetStreamTail implements Tail {
  readonly #options: JetStreamTailOptions;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #incarnation = "";
  #framer: Framer;
  /** The barrier that makes this tail synced; undefined once it is. */
  #syncAt: Sequence | undefined;
  #syncAskedMs = 0;
  #asked = 0;
  /** What the watch read last at the leader and has not been passed yet. */
  #freshAt: { readonly last: Sequence; readonly askedMs: number } | undefined;
  /** Why it is to begin with the first record again. */
  #anew: string | undefined;
  #end: (reason: string) => void = () => {};
  #belowSinceMs: number | undefined;
  #brokeBy: string | undefined;
  #holdTimer: Timer | undefined;

  constructor(options: JetStreamTailOptions) {
    this.#options = options;
    this.#framer = new Framer(0, options.holds);
    this.#running = this.#run();
  }

  again(reason: string): void {
    this.#anew = reason;
    this.#end(reason);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#holdTimer?.cancel();
    await this.#running;
    this.#options.onStop();
  }

  async #run(): Promise<void> {
    const { clock, random, connection } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const session = await connection.session(this.#stopping);
        this.#broke(await this.#follow(session));
      } catch (cause) {
        // Ours to crash on; the servers' are worded as unavailable, and pass.
        if (!signal.aborted && (!(cause instanceof WeftError) || cause.code === "internal")) throw cause;
        this.#broke(cause instanceof Error ? cause.message : String(cause));
      }
      const waitMs = integerIn(random, limits.natsReconnectMinMs, limits.natsReconnectMaxMs);
      await sleep(clock, waitMs, signal).catch(() => {});
    }
  }

  /** Said once, however often it happens in a row. */
  #broke(reason: string): void {
    if (this.#stopping.signal.aborted || reason === this.#brokeBy) return;
    this.#brokeBy = reason;
    this.#options.logger.info("tail.again", { reason, after: this.#framer.seen });
  }

  /** Follows the stream until something breaks; answers what. */
  async #follow(session: Session): Promise<string> {
    const { clock } = this.#options;
    const askedMs = clock.monotonicMs();
    const state = await this.#ask(session);
    if (!state) return "the stream does not exist";
    if (this.#doubts(state)) return "the stream's last sequence is below ours";
    this.#adopt(state, askedMs);
    const { promise: ended, resolve: end } = Promise.withResolvers<string>();
    this.#end = end;
    const onStop = (): void => end("stopped");
    this.#stopping.signal.addEventListener("abort", onStop, { once: true });
    if (this.#stopping.signal.aborted) onStop();
    const pulling = { session, end, ended };
    const broke = this.#framer.seen === 0 && state.last > 0 ? await this.#readAhead(pulling, state.last) : undefined;
    const reason = broke ?? (await this.#pull(pulling));
    this.#stopping.signal.removeEventListener("abort", onStop);
    return reason;
  }

  /** @returns what broke it off; undefined: what is wanted has been read up to `last`, or it is everything. */
  async #readAhead(pulling: Pulling, last: Sequence): Promise<string | undefined> {
    const { kinds } = this.#options.handler;
    if (!kinds) return undefined;
    const { promise: whole, resolve } = Promise.withResolvers<undefined>();
    const part = { kinds, until: last, all: () => resolve(undefined) };
    const broke = await this.#pull({ ...pulling, ended: Promise.race([pulling.ended, whole]) }, part);
    if (broke === undefined) this.#take(pulling.session, this.#framer.jump(last));
    return broke;
  }

  async #pull<Reason extends string | undefined>(
    { session, end, ended }: Pulling<Reason>,
    part?: PullOptions["part"],
  ): Promise<Reason> {
    const { clock, names } = this.#options;
    const take = (frames: readonly Frame[]): void => (part ? this.#pass(frames) : this.#take(session, frames));
    const pull = await Pull.begin({
      session,
      names,
      incarnation: this.#incarnation,
      after: this.#framer.seen,
      ...(part && { part }),
      clock,
      message: (message) => take(this.#framer.push(message)),
      foreign: (sequence) => take(this.#framer.pass(sequence)),
      ended: end,
    });
    // An empty stream, or one we have all of, sends nothing.
    if (!part) this.#checkSynced();
    let watching = false;
    const watch = clock.every(limits.tailWatchMs, () => {
      if (watching) return;
      watching = true;
      void this.#watch(session, pull, end).finally(() => {
        watching = false;
      });
    });
    const reason = await ended;
    watch.cancel();
    pull.stop();
    return reason;
  }

  /** A new leader may still be applying what is committed, so a sequence below ours is believed only after a while. */
  #doubts({ incarnation, last }: StreamState): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    const below = incarnation === this.#incarnation && last < this.#framer.seen;
    this.#belowSinceMs = below ? (this.#belowSinceMs ?? nowMs) : undefined;
    return this.#belowSinceMs !== undefined && nowMs - this.#belowSinceMs < limits.tailStallMs;
  }

  /** Goes by what the leader says the stream is: the one we know, or another. */
  #adopt({ incarnation, last }: StreamState, askedMs: number): void {
    const { handler, holds, logger, onIncarnation } = this.#options;
    const first = this.#incarnation === "";
    const same = incarnation === this.#incarnation;
    onIncarnation(incarnation);
    this.#asked = 0;
    this.#freshAt = undefined;
    const anew = this.#anew;
    this.#anew = undefined;
    if (same && last >= this.#framer.seen && anew === undefined) return;
    this.#incarnation = incarnation;
    this.#framer = new Framer(0, holds);
    this.#syncAt = last;
    this.#syncAskedMs = askedMs;
    if (first) return;
    const reason = same ? (anew ?? "the stream's last sequence is below ours") : "the stream was made anew";
    logger.warn("tail.reset", { reason, incarnation, last });
    handler.reset(reason);
  }

  #take(session: Session, frames: readonly Frame[]): void {
    this.#pass(frames);
    this.#askBarrier(session);
  }

  #pass(frames: readonly Frame[]): void {
    if (frames.length > 0) this.#brokeBy = undefined;
    for (const frame of frames) deliver(frame, this.#incarnation, this.#options.handler);
    if (this.#framer.question === undefined && this.#framer.passed === this.#framer.seen) this.#stopHoldTimer();
    this.#checkSynced();
    this.#checkFresh();
  }

  #checkFresh(): void {
    if (this.#freshAt === undefined || this.#framer.passed < this.#freshAt.last) return;
    const { last, askedMs } = this.#freshAt;
    this.#freshAt = undefined;
    this.#options.handler.fresh?.(last, askedMs);
  }

  #checkSynced(): void {
    if (this.#syncAt === undefined || this.#framer.passed < this.#syncAt) return;
    const at = this.#syncAt;
    this.#syncAt = undefined;
    this.#options.handler.synced(at, this.#incarnation, this.#syncAskedMs);
  }

  /** Once per question: reads the leader's last sequence, up to which nothing is torn. */
  #askBarrier(session: Session): void {
    const { question } = this.#framer;
    if (question === undefined || question === this.#asked) return;
    this.#asked = question;
    this.#startHoldTimer();
    const framer = this.#framer;
    void this.#ask(session).then(
      (state) => {
        if (framer !== this.#framer || state?.incarnation !== this.#incarnation) return;
        this.#pass(framer.barrier(state.last, question));
        this.#askBarrier(session);
      },
      // The session's end, or the watch, makes another consumer, and that one asks again.
      () => {
        this.#asked = 0;
      },
    );
  }

  /** Its answer may come when the pull has ended already; ending it again does nothing. */
  async #watch(session: Session, pull: Pull, end: (reason: string) => void): Promise<void> {
    const { clock, logger } = this.#options;
    const { seen } = this.#framer;
    const askedMs = clock.monotonicMs();
    let state: StreamState | undefined;
    try {
      state = await this.#ask(session);
    } catch (cause) {
      // One lost answer is nothing; a session that is over ends the pull itself.
      logger.debug("tail.watch_failed", { because: cause instanceof Error ? cause.message : cause });
      return;
    }
    if (state?.incarnation !== this.#incarnation || state.last < seen) return end("the stream is another one");
    this.#askBarrier(session);
    this.#freshAt = { last: state.last, askedMs };
    this.#checkFresh();
    if (this.#freshAt && clock.monotonicMs() - pull.progressAtMs > limits.tailStallMs) end("the consumer hangs");
  }

  async #ask(session: Session): Promise<StreamState | undefined> {
    const { clock, names } = this.#options;
    const until = new Deadline(clock, limits.storeReadMs, `ask the leader of ${names.stream}`, this.#stopping.signal);
    try {
      return await during(session, readState(session, names), until.signal);
    } finally {
      until.clear();
    }
  }

  #startHoldTimer(): void {
    const { clock, logger } = this.#options;
    this.#holdTimer ??= clock.after(limits.tailHoldMs, () => {
      this.#holdTimer = undefined;
      // In a first replay there is nothing older to show instead, so it may take its time.
      if (this.#syncAt !== undefined) {
        this.#startHoldTimer();
      } else {
        logger.warn("tail.torn", { seen: this.#framer.seen });
        this.#pass(this.#framer.giveUp());
      }
    });
  }

  #stopHoldTimer(): void {
    this.#holdTimer?.cancel();
    this.#holdTimer = undefined;
  }
}
