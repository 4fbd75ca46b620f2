/**
 * Puts other records in the place of all that a cluster's `records` hold, in one step: a restore.
 *
 * A stream's subjects carry its incarnation, so the new records can be written into the same stream beside the old ones,
 * under the subjects of an incarnation that nobody knows yet:
 *
 *   subjects OLD ──update──▶ OLD and NEW ──the records are written under NEW──▶ update: subjects NEW, incarnation NEW
 *
 * The last update is the restore. Before it every node reads and writes OLD, whatever happens to us; what a restore that
 * ended early has left is passed over by every tail. After it a write to OLD finds nobody, and each node, when it asks
 * the leader next, reads NEW from the first record. What was OLD stays in the file, under subjects that nobody reads.
 */
import type { StreamInfo } from "@nats-io/jetstream";
import { PermissionViolationError } from "@nats-io/transport-node";
import { sleep } from "../../platform/clock.ts";
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
import { shortId, ulid } from "../../platform/random.ts";
import type { PlannedMessage } from "../append.ts";
import type { KeptRecord } from "../backup/contents.ts";
import { logRecord } from "../keys.ts";
import { encodeRecord } from "../record.ts";
import type { LogEntry, OperationId, RecordKey } from "../store.ts";
import { answerFrom, answerFromFailure } from "./answers.ts";
import { Connection, during } from "./connection.ts";
import { singleHeaders } from "./headers.ts";
import { type StreamNames, streamNames, subjectOf } from "./names.ts";
import type { OpenJetStreamOptions } from "./open.ts";
import { incarnationField, type StreamState } from "./streams.ts";

const attempted = "restore the records";

export interface Replacement {
  readonly records: readonly KeptRecord[];
  /** Written last, as an apply's would be. */
  readonly log: LogEntry;
}

/** On a connection of its own, because its account may do what a node's may not: change the stream's configuration. */
export async function replaceRecords(
  options: OpenJetStreamOptions,
  replacement: Replacement,
  signal: AbortSignal,
): Promise<StreamState> {
  const connection = new Connection({ ...options, name: options.name ?? `weft-${options.cluster}-restore` });
  try {
    return await new Replacing(connection, options, signal).run(replacement);
  } finally {
    await connection.close();
  }
}

class Replacing {
  readonly #connection: Connection;
  readonly #options: OpenJetStreamOptions;
  readonly #names: StreamNames;
  readonly #signal: AbortSignal;

  constructor(connection: Connection, options: OpenJetStreamOptions, signal: AbortSignal) {
    this.#connection = connection;
    this.#options = options;
    this.#names = streamNames(options.cluster).records;
    this.#signal = signal;
  }

  async run({ records, log }: Replacement): Promise<StreamState> {
    const { random, clock } = this.#options;
    const next = shortId(random, 16);
    const messages = records.map(messageOf);
    const tooLong = messages.find(({ payload }) => payload.length > limits.logRecordBytes);
    if (tooLong)
      throw failed("too-large", `${tooLong.key} has more than the ${limits.logRecordBytes} bytes of a record`);
    const before = incarnationIn(await this.#info());
    await this.#update({ subjects: [this.#subjects(before), this.#subjects(next)] });
    try {
      await this.#writeAll(next, messages);
      const key = logRecord(ulid(random, clock.nowMs()));
      await this.#writeAll(next, [messageOf({ key, value: log, epoch: 0 })]);
    } catch (cause) {
      await this.#update({ subjects: [this.#subjects(before)] }).catch(() => {});
      throw cause;
    }
    return this.#switch(before, next);
  }

  async #switch(before: string, next: string): Promise<StreamState> {
    const now = await this.#info();
    if (incarnationIn(now) !== before || !now.config.subjects?.includes(this.#subjects(next))) {
      throw failed("conflict", "another restore came between");
    }
    const metadata = { ...now.config.metadata, [incarnationField]: next };
    await this.#update({ metadata, subjects: [this.#subjects(next)] });
    return { incarnation: next, last: now.state.last_seq };
  }

  #subjects(incarnation: string): string {
    return `${this.#names.subject}.${incarnation}.>`;
  }

  async #writeAll(incarnation: string, messages: readonly PlannedMessage[]): Promise<void> {
    const waiting = messages.values();
    const writer = async (): Promise<void> => {
      for (const message of waiting) await this.#write(incarnation, message);
    };
    await Promise.all(Array.from({ length: limits.restoreWritesInFlight }, writer));
  }

  async #write(incarnation: string, message: PlannedMessage): Promise<void> {
    const subject = subjectOf(this.#names, incarnation, message.key);
    const options = { headers: singleHeaders(message), timeout: limits.storeWriteMs };
    await this.#until(async () => {
      const session = await this.#connection.session(this.#signal);
      const answered = during(session, session.nats.request(subject, message.payload, options), this.#signal);
      const answer = await answered.then((reply) => answerFrom(reply, 1), answerFromFailure);
      // Nobody else writes under this incarnation: a conflict is our own write, whose answer was lost.
      if (answer.kind === "done" || answer.kind === "conflict") return true;
      if (answer.kind === "too-large") throw failed("too-large", `${message.key}: ${answer.because}`);
      return answer.because;
    });
  }

  /** Repeated until it is known: the same update twice is one. */
  async #update(change: { readonly subjects: string[]; readonly metadata?: Record<string, string> }): Promise<void> {
    await this.#until(async () => {
      const session = await this.#connection.session(this.#signal);
      const { streams } = session.manager;
      await during(session, streams.update(this.#names.stream, change), this.#signal);
      return true;
    });
  }

  async #info(): Promise<StreamInfo> {
    let info: StreamInfo | undefined;
    await this.#until(async () => {
      const session = await this.#connection.session(this.#signal);
      info = await during(session, session.manager.streams.info(this.#names.stream), this.#signal);
      return true;
    });
    if (!info) throw failed("unavailable", "the stream did not say what it is");
    return info;
  }

  /** @param work answers true, or why it has to be tried again; what it throws that is not final is tried again too. */
  async #until(work: () => Promise<true | string>): Promise<void> {
    for (let because: true | string = "it was not tried"; ; ) {
      if (this.#signal.aborted) throw failed("timeout", String(because));
      try {
        because = await work();
      } catch (cause) {
        if (isForbidden(cause)) throw forbidden(cause);
        if (cause instanceof WeftError && cause.retry === "never" && cause.code !== "cancelled") throw cause;
        because = cause instanceof Error ? cause.message : String(cause);
      }
      if (because === true) return;
      await sleep(this.#options.clock, limits.natsReconnectMaxMs, this.#signal).catch(() => {});
    }
  }
}

function isForbidden(cause: unknown): boolean {
  const inner = cause instanceof Error ? cause.cause : undefined;
  return cause instanceof PermissionViolationError || inner instanceof PermissionViolationError;
}

function forbidden(cause: unknown): WeftError {
  const because = "this node's NATS account may not change the stream";
  const next =
    'name an account that may under "restore" in the file that --nats-credentials names, and start the node again';
  return new WeftError({ code: "denied", retry: "never", attempted, because, next, cause });
}

function messageOf({ key, value, epoch, extra }: KeptRecord): PlannedMessage {
  const operation = "restore" as OperationId;
  const seen = { key, sequence: 0, value, operations: [], epoch, ...(extra && { extra }) };
  const payload = encodeRecord({ key: key as RecordKey, value, seen }, operation);
  return { key, payload, expected: 0, operation, epoch };
}

function incarnationIn({ config }: StreamInfo): string {
  const incarnation = config.metadata?.[incarnationField];
  if (incarnation) return incarnation;
  throw failed("invalid", "the stream has no incarnation: it was not made by Weft");
}

function failed(code: "conflict" | "too-large" | "timeout" | "unavailable" | "invalid", because: string): WeftError {
  return new WeftError({ code, retry: "never", attempted, because });
}
