/**
 * Names of one cluster's streams and subjects. A stream's subjects carry its incarnation, so a write meant for a stream
 * that was deleted finds nobody, instead of a key of the new one that happens to stand at the same sequence.
 */
import { WeftError } from "../../platform/error.ts";
import type { RecordKey, StreamName } from "../store.ts";

export interface StreamNames {
  /** JetStream's name: WEFT_EAST_RECORDS. */
  readonly stream: string;
  /** weft.east.records, followed by the incarnation and the key. */
  readonly subject: string;
}

export function streamNames(cluster: string): Readonly<Record<StreamName, StreamNames>> {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(cluster)) {
    throw new WeftError({
      code: "invalid",
      retry: "never",
      attempted: `name the streams of cluster ${JSON.stringify(cluster)}`,
      because: "a cluster's name is 1 to 64 letters, digits, '-' or '_'",
    });
  }
  const of = (name: StreamName): StreamNames => ({
    stream: `WEFT_${cluster.toUpperCase()}_${name.toUpperCase()}`,
    subject: `weft.${cluster.toLowerCase()}.${name}`,
  });
  return { records: of("records"), endpoints: of("endpoints") };
}

export function subjectOf(names: StreamNames, incarnation: string, key: RecordKey): string {
  return `${names.subject}.${incarnation}.${key}`;
}

/** Where a user's answers come: a prefix of its own, which the servers' permissions can tell from another's. */
export function inboxPrefix(user: string): string {
  return `_INBOX.${user.replace(/[^A-Za-z0-9_-]/g, "_")}`;
}

/** The key in a subject of the stream; undefined for one that is not ours. */
export function keyOf(names: StreamNames, incarnation: string, subject: string): RecordKey | undefined {
  const prefix = `${names.subject}.${incarnation}.`;
  return subject.startsWith(prefix) ? (subject.slice(prefix.length) as RecordKey) : undefined;
}
