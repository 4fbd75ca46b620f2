/** A node's door to a MemoryServer: the Store port, with the faults that stand between a node and its stream. */
import { type Clock, sleep } from "../../platform/clock.ts";
import { WeftError } from "../../platform/error.ts";
import { ulid } from "../../platform/random.ts";
import { type Answer, carryOut, type PlannedMessage } from "../append.ts";
import { appendEnd, type FramedMessage } from "../framing.ts";
import { decodeRecord } from "../record.ts";
import type {
  Append,
  Outcome,
  RecordKey,
  Sequence,
  Store,
  StoreRecord,
  StreamName,
  Tail,
  TailHandler,
} from "../store.ts";
import type { MemoryDoor } from "./door.ts";
import type { MemoryStream } from "./stream.ts";
import { MemoryTail } from "./tail.ts";

export class MemoryStore implements Store {
  readonly #door: MemoryDoor;
  readonly #tails = new Set<MemoryTail>();
  #closed = false;

  constructor(door: MemoryDoor) {
    this.#door = door;
  }

  incarnation(stream: StreamName): string {
    return this.#door.stream(stream).incarnation;
  }

  async append(name: StreamName, append: Append, signal?: AbortSignal): Promise<Outcome> {
    this.#checkOpen();
    const { clock, random } = this.#door;
    const stream = this.#door.stream(name);
    const attempt = (messages: readonly PlannedMessage[]): Promise<Answer> => this.#attempt(stream, messages);
    const read = (key: RecordKey): Promise<StoreRecord | undefined> => this.read(name, key);
    const newLogId = (): string => ulid(random, clock.nowMs());
    const isOver = (): boolean => signal?.aborted === true;
    const { incarnation } = stream;
    const format = this.#door.format();
    return carryOut({ clock, random, incarnation, format, newLogId, isOver, attempt, read }, append);
  }

  async #attempt(stream: MemoryStream, messages: readonly PlannedMessage[]): Promise<Answer> {
    const { clock, wire, faults } = this.#door;
    await this.#latency(wire);
    if (this.#happens(faults.lostAppend)) return this.#silence();
    if (this.#happens(faults.lateCommit)) {
      wire.after(faults.lateCommitMs * this.#door.random.unit(), () => stream.apply(messages));
      return this.#silence();
    }
    const applied = stream.apply(messages);
    if (this.#happens(faults.lostAnswer)) return this.#silence();
    await this.#latency(clock);
    return applied;
  }

  async read(name: StreamName, key: RecordKey): Promise<StoreRecord | undefined> {
    return this.#question(`read ${key}`, () => {
      const stream = this.#door.stream(name);
      return readAt(stream, key, this.#happens(this.#door.faults.staleRead) ? stream.before(key) : stream.get(key));
    });
  }

  async lastSequence(name: StreamName): Promise<Sequence> {
    return this.#question(`read the last sequence of ${name}`, () => this.#door.stream(name).last);
  }

  tail(name: StreamName, handler: TailHandler): Tail {
    this.#checkOpen();
    const tail = new MemoryTail(this.#door, name, handler, () => this.#tails.delete(tail));
    this.#tails.add(tail);
    return tail;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#tails].map((tail) => tail.stop()));
  }

  #happens(share: number): boolean {
    return share > 0 && this.#door.random.unit() < share;
  }

  /** What the leader answers when the question reaches it; the answer has its own way back. */
  async #question<T>(attempted: string, answer: () => T): Promise<T> {
    this.#checkOpen();
    const { clock, wire, faults } = this.#door;
    await this.#latency(wire);
    if (this.#happens(faults.failedRead)) {
      await this.#silence();
      throw new WeftError({ code: "unavailable", retry: "later", attempted, because: "the leader did not answer" });
    }
    const value = answer();
    await this.#latency(clock);
    return value;
  }

  async #silence(): Promise<Answer> {
    const { clock, random, faults } = this.#door;
    const waitMs = Math.max(faults.silenceMs, faults.latencyMs);
    if (waitMs > 0) await sleep(clock, waitMs * random.unit());
    return { kind: "unknown", because: "no answer" };
  }

  async #latency(clock: Clock): Promise<void> {
    const { latencyMs } = this.#door.faults;
    if (latencyMs > 0) await sleep(clock, latencyMs * this.#door.random.unit());
  }

  #checkOpen(): void {
    if (!this.#closed) return;
    throw new WeftError({ code: "cancelled", retry: "never", attempted: "use the store", because: "it is closed" });
  }
}

function readAt(
  { incarnation }: MemoryStream,
  key: RecordKey,
  message: FramedMessage | undefined,
): StoreRecord | undefined {
  if (!message) return undefined;
  const decoded = decodeRecord({ ...message, appendEnd: appendEnd(message) }, incarnation);
  if (decoded.kind === "record") return decoded.record;
  const { because } = decoded;
  throw new WeftError({ code: "invalid", retry: "never", attempted: `read record ${key}`, because });
}
