/** Revisions and endpoints' tokens as callers see them: INCARNATION-SEQUENCE of one stream. */
import type { Sequence, Store, StreamName } from "../store/store.ts";
import { revisionOf } from "../store/store.ts";
import type { StreamPosition } from "./ports.ts";
import { ApiRefusal } from "./problem_details.ts";

export function printPosition(store: Store, stream: StreamName, sequence: Sequence): string {
  return revisionOf(store.incarnation(stream), sequence);
}

/** What is asked of each stream; undefined: nothing. */
export interface Barrier {
  readonly records: Sequence | undefined;
  readonly endpoints: Sequence | undefined;
}

/** Of what a write answered, of either stream: a revision, or an endpoints' token. Nothing is asked of the other. */
export function barrierFrom(store: Store, text: string): Barrier {
  const { incarnation } = form.exec(text)?.groups ?? {};
  const isToken = incarnation === store.incarnation("endpoints") && incarnation !== store.incarnation("records");
  if (isToken) return { records: undefined, endpoints: parsePosition(store, "endpoints", text) };
  return { records: parsePosition(store, "records", text), endpoints: undefined };
}

/** What fulfils it. */
export function positionOf({ records = 0, endpoints = 0 }: Barrier): StreamPosition {
  return { records, endpoints };
}

const form = /^(?<incarnation>.{1,128})-(?<sequence>\d{1,15})$/;

/** Refuses what is no position, and one of another incarnation: it says nothing about this stream. */
export function parsePosition(store: Store, stream: StreamName, text: string): Sequence {
  const { incarnation, sequence } = form.exec(text)?.groups ?? {};
  const word = stream === "records" ? "revision" : "endpoints' token";
  if (incarnation === undefined || sequence === undefined) {
    throw new ApiRefusal("bad-request", `${JSON.stringify(text.slice(0, 64))} is no ${word}`);
  }
  if (incarnation === store.incarnation(stream)) return Number(sequence);
  throw new ApiRefusal("incarnation-changed", `${word} ${text} is of a store that was replaced since; apply again`);
}
