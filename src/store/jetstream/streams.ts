/**
 * The two streams of a cluster: made if they are missing, checked if they are there.
 *
 * The incarnation is drawn by whoever makes the stream and stands in its metadata and subjects. Two nodes may make it at
 * once: one wins, the other is told that the name is in use with another configuration; both then read what is there, at
 * the leader, and go by that. An existing stream is never changed here: one whose settings would break a promise is
 * refused instead.
 */
import {
  DiscardPolicy,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from "@nats-io/jetstream";
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
import { type Random, shortId } from "../../platform/random.ts";
import type { Sequence } from "../store.ts";
import { during, type Session } from "./connection.ts";
import type { StreamNames } from "./names.ts";

export interface StreamState {
  readonly incarnation: string;
  readonly last: Sequence;
}

export const incarnationField = "weft.incarnation";
const streamNotFound = 10059;
// Headers of a message are far below this; the payload's own limit is checked before sending.
const headerAllowanceBytes = 8 * 1024;

function configuration(names: StreamNames, incarnation: string, replicas: number) {
  return {
    name: names.stream,
    subjects: [`${names.subject}.${incarnation}.>`],
    description: "Weft: one message per record, the newest. Written by compare-and-set only.",
    metadata: { [incarnationField]: incarnation },
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    num_replicas: replicas,
    max_msgs_per_subject: 1,
    max_msg_size: limits.logRecordBytes + headerAllowanceBytes,
    discard: DiscardPolicy.Old,
    // Reads go to the leader: a follower that answers direct gets may lag.
    allow_direct: false,
    allow_atomic: true,
    deny_delete: true,
    deny_purge: true,
  } satisfies Partial<StreamConfig>;
}

/** What the leader says of the stream now; undefined when there is none. */
export async function readState(session: Session, names: StreamNames): Promise<StreamState | undefined> {
  const info = await streamInfo(session, names);
  if (!info) return undefined;
  const incarnation = info.config.metadata?.[incarnationField];
  if (!incarnation) throw unfit(names, "it has no incarnation: it was not made by Weft");
  return { incarnation, last: info.state.last_seq };
}

export async function ensureStream(
  session: Session,
  names: StreamNames,
  { replicas, random }: { readonly replicas: number; readonly random: Random },
): Promise<StreamState> {
  let info = await streamInfo(session, names);
  if (!info) {
    const wanted = configuration(names, shortId(random, 16), replicas);
    // Its failure does not matter by itself: what counts is what is there afterwards.
    const failed = await during(session, session.manager.streams.add(wanted)).then(
      () => undefined,
      (cause: unknown) => WeftError.from(cause, `make stream ${names.stream}`, { code: "unavailable", retry: "later" }),
    );
    info = await streamInfo(session, names);
    if (!info) throw failed ?? unfit(names, "it was deleted as soon as it was made");
  }
  checkFit(names, info);
  const state = await readState(session, names);
  if (!state) throw unfit(names, "it was deleted as soon as it was found");
  return state;
}

async function streamInfo(session: Session, names: StreamNames): Promise<StreamInfo | undefined> {
  try {
    return await during(session, session.manager.streams.info(names.stream));
  } catch (cause) {
    if (cause instanceof JetStreamApiError && cause.code === streamNotFound) return undefined;
    throw WeftError.from(cause, `ask the leader of stream ${names.stream}`, { code: "unavailable", retry: "later" });
  }
}

function checkFit(names: StreamNames, { config }: StreamInfo): void {
  if (config.max_msgs_per_subject !== 1) throw unfit(names, "max_msgs_per_subject is not 1");
  if (config.storage !== StorageType.File) throw unfit(names, "its storage is not file");
  if (config.allow_atomic !== true) throw unfit(names, "allow_atomic is not set");
  // Whatever lets the server drop a record by itself: age, size, number, a message's own time to live.
  if (config.max_age > 0) throw unfit(names, "max_age lets records go by themselves");
  if (config.max_msgs > 0 || config.max_bytes > 0)
    throw unfit(names, "max_msgs or max_bytes lets records go by themselves");
  if (config.allow_msg_ttl === true) throw unfit(names, "allow_msg_ttl lets records go by themselves");
}

function unfit(names: StreamNames, because: string): WeftError {
  return new WeftError({
    code: "invalid",
    retry: "never",
    attempted: `use stream ${names.stream}`,
    because,
    next: "delete or rename it, or give this cluster another name",
  });
}
