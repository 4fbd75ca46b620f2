/**
 * A tail on an in-memory stream. It goes through the same framing as JetStream's, so what it passes after a pause, with
 * messages overwritten meanwhile, is what a real one would pass.
 */
import type { Timer } from "../../platform/clock.ts";
import { limits } from "../../platform/limits.ts";
import { deliver } from "../deliver.ts";
import { Framer } from "../framing.ts";
import type { StreamName, Tail, TailHandler } from "../store.ts";
import type { MemoryDoor } from "./door.ts";
import type { MemoryStream } from "./stream.ts";

export class MemoryTail implements Tail {
  readonly #door: MemoryDoor;
  readonly #name: StreamName;
  readonly #handler: TailHandler;
  readonly #onStop: () => void;
  readonly #stopListening: () => void;
  #stopFollowing: () => void = () => {};
  #stream: MemoryStream;
  #framer: Framer;
  /** Sequence whose passing makes this tail synced; undefined once it is. */
  #syncAt: number | undefined;
  #pause: Timer | undefined;
  readonly #watch: Timer;
  #scheduled = false;
  #stopped = false;

  constructor(door: MemoryDoor, name: StreamName, handler: TailHandler, onStop: () => void) {
    this.#door = door;
    this.#name = name;
    this.#handler = handler;
    this.#onStop = onStop;
    this.#stream = door.stream(name);
    this.#framer = this.#begin();
    this.#watch = door.clock.every(limits.tailWatchMs, () => this.#confirm());
    this.#stopListening = door.onRecreated((stream) => {
      if (stream === name) this.#restart("the stream was made anew");
    });
  }

  again(reason: string): void {
    if (!this.#stopped) this.#restart(reason);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#pause?.cancel();
    this.#watch.cancel();
    this.#stopFollowing();
    this.#stopListening();
    this.#onStop();
  }

  #begin(): Framer {
    this.#stopFollowing();
    this.#stream = this.#door.stream(this.#name);
    this.#syncAt = this.#stream.last;
    this.#stopFollowing = this.#stream.listen(() => this.#schedule());
    this.#schedule();
    return new Framer(0, this.#name === "records");
  }

  #restart(reason: string): void {
    this.#pause?.cancel();
    this.#pause = undefined;
    this.#handler.reset(reason);
    this.#framer = this.#begin();
  }

  #schedule(): void {
    if (this.#scheduled || this.#pause) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    const { faults, random, clock } = this.#door;
    if (this.#stopped || this.#pause || this.#door.tailsPaused()) return;
    if (faults.tailPause > 0 && random.unit() < faults.tailPause) {
      this.#pause = clock.after(faults.tailPauseMs * random.unit(), () => {
        this.#pause = undefined;
        if (!this.#door.tailsPaused()) this.#pass();
      });
      return;
    }
    if (faults.tailReset > 0 && random.unit() < faults.tailReset) this.#restart("the tail began again");
    else this.#pass();
  }

  #pass(): void {
    const stream = this.#stream;
    const framer = this.#framer;
    const frames = stream.after(framer.seen).flatMap((message) => framer.push(message));
    // All of the stream is at hand, so the leader's last sequence is known and what is missing before it is gone.
    if (framer.question !== undefined) frames.push(...framer.barrier(stream.last, framer.question));
    frames.push(...framer.skipTo(stream.last));
    for (const frame of frames) {
      const again = this.#door.faults.duplicateDelivery;
      deliver(frame, stream.incarnation, this.#handler);
      if (again > 0 && this.#door.random.unit() < again) deliver(frame, stream.incarnation, this.#handler);
    }
    if (this.#stopped || this.#stream !== stream) return;
    if (this.#syncAt !== undefined && framer.passed >= this.#syncAt) {
      const at = this.#syncAt;
      this.#syncAt = undefined;
      this.#handler.synced(at, stream.incarnation, this.#door.clock.monotonicMs());
    }
    this.#confirm();
  }

  #confirm(): void {
    const reached = this.#syncAt === undefined && this.#framer.passed >= this.#stream.last;
    if (reached && !this.#door.tailsPaused()) this.#handler.fresh?.(this.#stream.last, this.#door.clock.monotonicMs());
  }
}
