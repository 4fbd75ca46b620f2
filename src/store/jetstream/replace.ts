/**
 * Puts other records in the place of all that a cluster's `records` hold, in one step: a restore.
 *
 * A stream's subjects carry its incarnation, so the new records can be written into the same stream beside the old ones,
 * under the subjects of an incarnation that nobody knows yet:
 *
 *   subjects OLD ──claim──▶ OLD and NEW ──the records are written under NEW──▶ switch: subjects NEW, incarnation NEW
 *
 * The switch is the restore. Before it every node reads and writes OLD, whatever happens to us; what a restore that ended
 * early has left (messages, and a subject) is passed over by every tail, and the next restore takes its place. After it a
 * write to OLD finds nobody, and each node, when it asks the leader next, reads NEW from the first record. What was OLD
 * stays in the file, under subjects that nobody reads.
 *
 * WHAT CAN FAIL. JetStream has no compare-and-set for a stream's configuration, so the claim, a word in its metadata, says
 * whose restore is under way: the newest. An older one sees that at its next doubt, or before its switch, and ends.
 *   - We die, or NATS is gone too long, before the switch: OLD is the truth.
 *   - The claim's answer is lost: it may come late, and undo a switch made meanwhile. So it is not repeated: we end.
 *   - The switch's answer is lost: repeated until the stream says NEW. If time runs out first, nobody knows, and that is
 *     what is said; the same restore again mends it.
 */
import { JetStreamApiError, type StreamInfo } from "@nats-io/jetstream";
import { PermissionViolationError } from "@nats-io/transport-node";
import { sleep } from "../../platform/clock.ts";
import { type ErrorDetails, WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
import { shortId, ulid } from "../../platform/random.ts";
import type { PlannedMessage } from "../append.ts";
import type { KeptRecord } from "../backup/contents.ts";
import { Deadline } from "../deadline.ts";
import { logRecord } from "../keys.ts";
import { encodeRecord } from "../record.ts";
import { newestFormat, type RecordFormat } from "../record_format.ts";
import type { LogEntry, OperationId, RecordKey } from "../store.ts";
import { answerFrom, answerFromFailure } from "./answers.ts";
import { Connection, during } from "./connection.ts";
import { singleHeaders } from "./headers.ts";
import { type StreamNames, streamNames, subjectOf } from "./names.ts";
import type { OpenJetStreamOptions } from "./open.ts";
import { incarnationField, type StreamState } from "./streams.ts";

const attempted = "restore the records";
/** In the stream's metadata: the incarnation that the newest restore writes. */
const claimField = "weft.restoring";

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
  /** It has failed: writes that are still being tried end too. */
  #failed = false;

  constructor(connection: Connection, options: OpenJetStreamOptions, signal: AbortSignal) {
    this.#connection = connection;
    this.#options = options;
    this.#names = streamNames(options.cluster).records;
    this.#signal = signal;
  }

  async run({ records, log }: Replacement): Promise<StreamState> {
    const { random, clock } = this.#options;
    const next = shortId(random, 16);
    const format = this.#options.format?.() ?? newestFormat;
    const messages = records.map((record) => messageOf(record, format));
    const tooLong = messages.find(({ payload }) => payload.length > limits.logRecordBytes);
    if (tooLong)
      throw failed("too-large", `${tooLong.key} has more than the ${limits.logRecordBytes} bytes of a record`);
    await this.#claim(next);
    await this.#writeAll(next, messages);
    const key = logRecord(ulid(random, clock.nowMs()));
    await this.#writeAll(next, [messageOf({ key, value: log, epoch: 0 }, format)]);
    return this.#switch(next);
  }

  async #claim(next: string): Promise<void> {
    const { config } = await this.#info();
    const change = {
      metadata: { ...config.metadata, [claimField]: next },
      subjects: [this.#subjects(incarnationIn(config)), this.#subjects(next)],
    };
    try {
      await this.#update(change);
    } catch (cause) {
      if (isForbidden(cause)) throw forbidden(cause);
      if (cause instanceof JetStreamApiError) throw failed("unavailable", `NATS refuses the claim: ${cause.message}`);
      const because = "NATS did not say whether it took the claim; nothing was replaced";
      throw failed("unavailable", because, { retry: "later", next: "restore again", cause });
    }
  }

  async #switch(next: string): Promise<StreamState> {
    let asked = false;
    try {
      for (;;) {
        const { config, state } = await this.#info();
        if (incarnationIn(config) === next) return { incarnation: next, last: state.last_seq };
        this.#checkClaim(config, next);
        const { [claimField]: _, ...metadata } = config.metadata ?? {};
        asked = true;
        // Whatever it answers: the next look at the stream says what became of it.
        await this.#update({
          metadata: { ...metadata, [incarnationField]: next },
          subjects: [this.#subjects(next)],
        }).catch(() => this.#pause());
      }
    } catch (cause) {
      if (!asked || !(cause instanceof WeftError) || cause.code === "conflict") throw cause;
      const because = "NATS did not say whether it took the last step, so the mesh is either as before or restored";
      const advice =
        "look what is there (meshctl get), and restore again: that is safe, with --force if it is not empty";
      throw failed("unknown-outcome", because, { retry: "later", next: advice, cause });
    }
  }

  #checkClaim({ metadata }: StreamInfo["config"], next: string): void {
    if (metadata?.[claimField] !== next) throw failed("conflict", "another restore came between");
  }

  #subjects(incarnation: string): string {
    return `${this.#names.subject}.${incarnation}.>`;
  }

  async #writeAll(incarnation: string, messages: readonly PlannedMessage[]): Promise<void> {
    const waiting = messages.values();
    const writer = async (): Promise<void> => {
      for (const message of waiting) await this.#write(incarnation, message);
    };
    try {
      await Promise.all(Array.from({ length: limits.restoreWritesInFlight }, writer));
    } catch (cause) {
      this.#failed = true;
      throw cause;
    }
  }

  async #write(incarnation: string, message: PlannedMessage): Promise<void> {
    const subject = subjectOf(this.#names, incarnation, message.key);
    await this.#until(async () => {
      const session = await this.#connection.session({ signal: this.#signal });
      const until = new Deadline(this.#options.clock, limits.storeWriteMs, `write ${message.key}`, this.#signal);
      const answered = session.questions.ask(subject, message.payload, until, singleHeaders(message));
      const answer = await answered.then((reply) => answerFrom(reply, 1), answerFromFailure);
      until.clear();
      // Nobody else writes under this incarnation: a conflict is our own write, whose answer was lost.
      if (answer.kind === "done" || answer.kind === "conflict") return true;
      if (answer.kind === "too-large") throw failed("too-large", `${message.key}: ${answer.because}`);
      this.#checkClaim((await this.#info()).config, incarnation);
      return answer.because;
    });
  }

  /** Once. */
  async #update(change: { readonly subjects: string[]; readonly metadata: Record<string, string> }): Promise<void> {
    const session = await this.#connection.session({ signal: this.#signal });
    await during(session, session.manager.streams.update(this.#names.stream, change), this.#signal);
  }

  async #info(): Promise<StreamInfo> {
    let info: StreamInfo | undefined;
    await this.#until(async () => {
      const session = await this.#connection.session({ signal: this.#signal });
      info = await during(session, session.manager.streams.info(this.#names.stream), this.#signal);
      return true;
    });
    if (!info) throw failed("unavailable", "the stream did not say what it is");
    return info;
  }

  /** @param work answers true, or why it has to be tried again; what it throws that is not final is tried again too. */
  async #until(work: () => Promise<true | string>): Promise<void> {
    for (let because: true | string = "it was not tried"; ; ) {
      if (this.#signal.aborted || this.#failed) throw failed("timeout", String(because));
      try {
        because = await work();
      } catch (cause) {
        if (isForbidden(cause)) throw forbidden(cause);
        if (cause instanceof WeftError && cause.retry === "never" && cause.code !== "cancelled") throw cause;
        because = cause instanceof Error ? cause.message : String(cause);
      }
      if (because === true) return;
      await this.#pause();
    }
  }

  async #pause(): Promise<void> {
    await sleep(this.#options.clock, limits.natsReconnectMaxMs, this.#signal).catch(() => {});
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

function messageOf({ key, value, epoch, extra }: KeptRecord, format: RecordFormat): PlannedMessage {
  const operation = "restore" as OperationId;
  const seen = { key, sequence: 0, value, operations: [], epoch, ...(extra && { extra }) };
  const payload = encodeRecord({ key: key as RecordKey, value, seen }, operation, format);
  return { key, payload, expected: 0, operation, epoch };
}

function incarnationIn({ metadata }: StreamInfo["config"]): string {
  const incarnation = metadata?.[incarnationField];
  if (incarnation) return incarnation;
  throw failed("invalid", "the stream has no incarnation: it was not made by Weft");
}

function failed(code: WeftError["code"], because: string, more: Partial<ErrorDetails> = {}): WeftError {
  return new WeftError({ retry: "never", ...more, code, attempted, because });
}
