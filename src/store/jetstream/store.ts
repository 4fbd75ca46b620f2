/**
 * The Store over JetStream. Writes are published with the sequence their key must have; several go as one atomic batch
 * whose headers are set here (the client's own batches drop the expectations). Reads and barriers are answered by the
 * stream's leader. Every call ends within its limit, whatever the servers do.
 */
import { JetStreamApiError } from "@nats-io/jetstream";
import type { Clock } from "../../platform/clock.ts";
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import { type Random, shortId, ulid } from "../../platform/random.ts";
import { type Answer, carryOut, type PlannedMessage } from "../append.ts";
import { Deadline } from "../deadline.ts";
import { appendEnd } from "../framing.ts";
import { decodeRecord } from "../record.ts";
import type { RecordFormat } from "../record_format.ts";
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
import { answerFrom, answerFromFailure } from "./answers.ts";
import { type Connection, during, type Session } from "./connection.ts";
import { batchHeaders, placeFrom, singleHeaders } from "./headers.ts";
import { type StreamNames, subjectOf } from "./names.ts";
import { readState, type StreamState } from "./streams.ts";
import { JetStreamTail } from "./tail.ts";
import { Turns } from "./turns.ts";

export interface JetStreamStoreOptions {
  readonly connection: Connection;
  /** Makes the one that tails share: the answer to a write must not wait behind what they bring. */
  readonly tailing: () => Connection;
  readonly names: Readonly<Record<StreamName, StreamNames>>;
  /** As read when the streams were made or found. */
  readonly states: Readonly<Record<StreamName, StreamState>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly format: () => RecordFormat;
}

const streamNotFound = 10059;

export class JetStreamStore implements Store {
  readonly #options: JetStreamStoreOptions;
  readonly #incarnations: Record<StreamName, string>;
  readonly #batches = new Turns(limits.storeBatchesInFlight);
  readonly #tails = new Set<Tail>();
  #tailing: Connection | undefined;

  constructor(options: JetStreamStoreOptions) {
    this.#options = options;
    const { records, endpoints } = options.states;
    this.#incarnations = { records: records.incarnation, endpoints: endpoints.incarnation };
  }

  incarnation(stream: StreamName): string {
    return this.#incarnations[stream];
  }

  async append(name: StreamName, append: Append, signal?: AbortSignal): Promise<Outcome> {
    const { clock, random } = this.#options;
    const format = this.#options.format();
    const incarnation = this.#incarnations[name];
    const until = new Deadline(clock, limits.storeWriteMs, `write ${name}`, signal);
    const attempt = (messages: readonly PlannedMessage[]): Promise<Answer> =>
      this.#attempt(name, incarnation, messages, until);
    const read = (key: RecordKey): Promise<StoreRecord | undefined> => this.read(name, key, until.signal);
    try {
      const newLogId = (): string => ulid(random, clock.nowMs());
      const isOver = (): boolean => until.ended;
      const outcome = await carryOut({ clock, random, incarnation, format, newLogId, isOver, attempt, read }, append);
      if (outcome.kind === "unknown") void this.#notice(name);
      return outcome;
    } finally {
      until.clear();
    }
  }

  async #attempt(
    name: StreamName,
    incarnation: string,
    messages: readonly PlannedMessage[],
    until: Deadline,
  ): Promise<Answer> {
    try {
      const session = await this.#options.connection.session(until);
      const subject = (key: RecordKey): string => subjectOf(this.#options.names[name], incarnation, key);
      const [only] = messages;
      if (messages.length === 1 && only) {
        const { key, payload } = only;
        return answerFrom(await session.questions.ask(subject(key), payload, until, singleHeaders(only)), 1);
      }
      return await this.#batches.take(() => this.#sendBatch(session, subject, messages, until));
    } catch (cause) {
      return answerFromFailure(cause);
    }
  }

  /** All messages at once; only the last asks for an answer, and commits. */
  async #sendBatch(
    session: Session,
    subject: (key: RecordKey) => string,
    messages: readonly PlannedMessage[],
    until: Deadline,
  ): Promise<Answer> {
    if (until.ended) throw until.cause;
    const batch = shortId(this.#options.random, 26);
    const count = messages.length;
    for (const [at, message] of messages.entries()) {
      const headers = batchHeaders(message, batch, at + 1, count);
      if (at + 1 < count) {
        session.nats.publish(subject(message.key), message.payload, { headers });
        continue;
      }
      const answered = session.questions.ask(subject(message.key), message.payload, until, headers);
      return answerFrom(await answered, count);
    }
    return { kind: "unknown", because: "nothing was to be sent" };
  }

  async read(name: StreamName, key: RecordKey, signal?: AbortSignal): Promise<StoreRecord | undefined> {
    const { names } = this.#options;
    const incarnation = this.#incarnations[name];
    const subject = subjectOf(names[name], incarnation, key);
    const stored = await this.#ask(`read record ${key}`, signal, ({ manager }) =>
      manager.streams.getMessage(names[name].stream, { last_by_subj: subject }),
    );
    if (!stored) return undefined;
    const place = placeFrom(stored.header);
    const message = { key, sequence: stored.seq, payload: stored.data, ...(place && { place }) };
    const decoded = decodeRecord({ ...message, appendEnd: appendEnd(message) }, incarnation);
    if (decoded.kind === "record") return decoded.record;
    const { because } = decoded;
    throw new WeftError({ code: "invalid", retry: "never", attempted: `read record ${key}`, because });
  }

  async lastSequence(name: StreamName, signal?: AbortSignal): Promise<Sequence> {
    return (await this.#state(name, signal)).last;
  }

  tail(name: StreamName, handler: TailHandler): Tail {
    const { tailing, names, clock, random, logger } = this.#options;
    this.#tailing ??= tailing();
    const tail = new JetStreamTail({
      connection: this.#tailing,
      names: names[name],
      handler,
      clock,
      random,
      logger: logger.with({ stream: names[name].stream }),
      holds: name === "records",
      onIncarnation: (incarnation) => {
        this.#incarnations[name] = incarnation;
      },
      onStop: () => this.#tails.delete(tail),
    });
    this.#tails.add(tail);
    return tail;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#tails].map((tail) => tail.stop()));
    await Promise.all([this.#options.connection.close(), this.#tailing?.close()]);
  }

  async #state(name: StreamName, signal?: AbortSignal): Promise<StreamState> {
    const names = this.#options.names[name];
    const state = await this.#ask(`read the last sequence of ${names.stream}`, signal, (session) =>
      readState(session, names),
    );
    if (state) return state;
    const attempted = `read the last sequence of ${names.stream}`;
    throw new WeftError({ code: "unavailable", retry: "later", attempted, because: "the stream does not exist" });
  }

  /** After a write that nobody answered: the stream may be another one now. */
  async #notice(name: StreamName): Promise<void> {
    const state = await this.#state(name).catch(() => undefined);
    if (state) this.#incarnations[name] = state.incarnation;
  }

  async #ask<T>(
    attempted: string,
    signal: AbortSignal | undefined,
    question: (session: Session) => Promise<T>,
  ): Promise<T> {
    const until = new Deadline(this.#options.clock, limits.storeReadMs, attempted, signal);
    try {
      const session = await this.#options.connection.session(until);
      return await during(session, question(session), until.signal);
    } catch (cause) {
      if (signal?.aborted) throw WeftError.from(cause, attempted, { code: "cancelled" });
      const gone = cause instanceof JetStreamApiError && cause.code === streamNotFound;
      const because = gone ? "the stream does not exist" : cause instanceof Error ? cause.message : String(cause);
      throw WeftError.from(cause, attempted, { code: "unavailable", retry: "later", because });
    } finally {
      until.clear();
    }
  }
}
