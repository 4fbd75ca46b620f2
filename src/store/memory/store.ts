/** A node's door to a MemoryServer: the Store port, with the faults that stand between a node and its stream. */
import { type Clock, sleep } from "../../platform/clock.ts";
import { WeftError } from "../../platform/error.ts";
import { type Random, ulid } from "../../platform/random.ts";
import { type Answer, carryOut, type PlannedMessage } from "../append.ts";
import { appendEnd } from "../framing.ts";
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
import type { MemoryFaults } from "./faults.ts";
import type { MemoryStream } from "./stream.ts";
import { MemoryTail } from "./tail.ts";

export interface MemoryDoor {
  readonly clock: Clock;
  readonly random: Random;
  readonly faults: MemoryFaults;
  stream(name: StreamName): MemoryStream;
  tailsPaused(): boolean;
  onRecreated(listener: (stream: StreamName) => void): () => void;
}

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
    const read = async (key: RecordKey): Promise<StoreRecord | undefined> => readAt(stream, key);
    const logId = ulid(random, clock.nowMs());
    return carryOut({ clock, random, incarnation: stream.incarnation, attempt, read }, append, logId, signal);
  }

  async #attempt(stream: MemoryStream, messages: readonly PlannedMessage[]): Promise<Answer> {
    const { clock, faults } = this.#door;
    const lost: Answer = { kind: "unknown", because: "no answer" };
    await this.#latency();
    if (this.#happens(faults.lostAppend)) return lost;
    if (this.#happens(faults.lateCommit)) {
      clock.after(faults.lateCommitMs * this.#door.random.unit(), () => stream.apply(messages));
      return lost;
    }
    const applied = stream.apply(messages);
    await this.#latency();
    return this.#happens(faults.lostAnswer) ? lost : applied;
  }

  async read(name: StreamName, key: RecordKey): Promise<StoreRecord | undefined> {
    await this.#question(`read ${key}`);
    return readAt(this.#door.stream(name), key);
  }

  async lastSequence(name: StreamName): Promise<Sequence> {
    await this.#question(`read the last sequence of ${name}`);
    return this.#door.stream(name).last;
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

  async #question(attempted: string): Promise<void> {
    this.#checkOpen();
    await this.#latency();
    if (this.#happens(this.#door.faults.failedRead)) {
      throw new WeftError({ code: "unavailable", retry: "later", attempted, because: "the leader did not answer" });
    }
  }

  async #latency(): Promise<void> {
    const { latencyMs } = this.#door.faults;
    if (latencyMs > 0) await sleep(this.#door.clock, latencyMs * this.#door.random.unit());
  }

  #checkOpen(): void {
    if (!this.#closed) return;
    throw new WeftError({ code: "cancelled", retry: "never", attempted: "use the store", because: "it is closed" });
  }
}

function readAt(stream: MemoryStream, key: RecordKey): StoreRecord | undefined {
  const message = stream.get(key);
  if (!message) return undefined;
  const decoded = decodeRecord({ ...message, appendEnd: appendEnd(message) }, stream.incarnation);
  if (decoded.kind === "record") return decoded.record;
  const { because } = decoded;
  throw new WeftError({ code: "invalid", retry: "never", attempted: `read record ${key}`, because });
}
