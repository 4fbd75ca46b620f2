/**
 * Record keys as NATS subject tokens: lower-cased UTF-8 where names are case-blind, `=XX` (hex) for every byte outside
 * [a-z0-9_-] and for `=` itself; `.` only separates. An empty token is written `=`.
 */

import type { Namespace, ServiceRef } from "../model/names.ts";
import type { ObjectRef } from "../model/object.ts";
import type { RecordKey } from "./store.ts";

const plain = /^[a-z0-9_-]$/;
const allPlain = /^[a-z0-9_-]+$/;

export function escapeToken(text: string): string {
  if (text === "") return "=";
  if (allPlain.test(text)) return text;
  let escaped = "";
  for (const byte of new TextEncoder().encode(text.toLowerCase())) {
    const character = String.fromCharCode(byte);
    escaped += plain.test(character) ? character : `=${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return escaped;
}

function key(...tokens: readonly string[]): RecordKey {
  return tokens.map(escapeToken).join(".") as RecordKey;
}

/** What a user declared: a StoredResource. */
export const objectRecord = (ref: ObjectRef): RecordKey => key("object", ref.kind, ref.namespace, ref.name);
/** A Workload, made at registration. */
export const workloadRecord = (namespace: Namespace, name: string): RecordKey => key("workload", namespace, name);
/** What the service actor owns. */
export const serviceRecord = (ref: ServiceRef): RecordKey => key("service", ref.namespace, ref.name);
/** What the certificate-authority actor owns. */
export const authorityRecord = (trustDomain: string): RecordKey => key("authority", trustDomain);
/** A host that an agent has joined: its name and public key. */
export const hostRecord = (hostName: string): RecordKey => key("host", hostName);
/** Which hosts have gone silent; see actors/kinds/host_sessions.ts. */
export const hostSessionsRecord = (id: string): RecordKey => key("host-sessions", id);
/** What proxies' refusals mean for an object; see actors/kinds/policy.ts. */
export const policyRecord = (objectKey: RecordKey): RecordKey =>
  `policy${objectKey.slice(recordKind(objectKey).length)}` as RecordKey;
export const objectOfPolicy = (key: RecordKey): RecordKey => `object${key.slice("policy".length)}` as RecordKey;
/** What operators said about what reaches the proxies: a Delivery. */
export const deliveryRecord: RecordKey = key("delivery", "mesh");
/** A join token's hash and state. */
export const tokenRecord = (id: string): RecordKey => key("token", id);
export const logRecord = (id: string): RecordKey => key("log", id);
/** An EndpointShard, in the endpoints stream. */
export const shardRecord = (ref: ServiceRef, source: string, shard: number): RecordKey =>
  key("endpoints", ref.namespace, ref.name, source, String(shard));

/** Prefix of all shards of one service; with a source, of what that source says of it. For Replica.list. */
export const shardPrefix = (ref: ServiceRef, source?: string): string =>
  key("endpoints", ref.namespace, ref.name, ...(source === undefined ? [] : [source]));
/** Prefix of all objects of one kind, or of all. */
export const objectPrefix = (kind?: ObjectRef["kind"]): string => key("object", ...(kind === undefined ? [] : [kind]));

/** The names that a key was made of, in lower case. */
export function namesInKey(recordKey: RecordKey): readonly string[] {
  return recordKey.split(".").map(unescapeToken);
}

function unescapeToken(token: string): string {
  if (token === "=") return "";
  const bytes = token.replace(/=([0-9A-F]{2})/g, "%$1");
  return decodeURIComponent(bytes);
}

/** First token: tells what a record is. */
export function recordKind(recordKey: RecordKey): string {
  const dot = recordKey.indexOf(".");
  return dot < 0 ? recordKey : recordKey.slice(0, dot);
}
