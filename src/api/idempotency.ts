/**
 * `Idempotency-Key` and `If-Match`: what a caller says who must know that its write is done once, whatever answers are
 * lost.
 *
 * A caller that got no answer repeats its call under the same key, at any node. The key becomes the write's operation
 * id, and the records that were written remember it (limits.operationsRemembered of them), so the call is done once
 * also when an earlier attempt still waits for the store at another node, and comes after the caller's next write.
 * Another body under a key that was used is answered as the first was.
 *
 * `If-Match: "GENERATION"` on one object: the write is refused (412) unless the object stands at that generation;
 * `If-None-Match: *`: unless it does not exist. Together with a key this is compare-and-set, closed after any failure.
 */
import type { FastifyRequest } from "fastify";
import type { StoredResource } from "../model/object.ts";
import type { OperationId, Sequence, StoreRecord } from "../store/store.ts";
import { ApiRefusal } from "./problem_details.ts";

/** Tells a caller's key from the ids that nodes make. */
const prefix = "call-";

export function operationOf({ headers }: FastifyRequest): OperationId | undefined {
  const key = headers["idempotency-key"];
  if (key === undefined) return undefined;
  if (typeof key === "string" && /^[A-Za-z0-9_-]{1,64}$/.test(key)) return `${prefix}${key}` as OperationId;
  throw new ApiRefusal("bad-request", "header idempotency-key: 1 to 64 letters, digits, '-' or '_'");
}

/** Where the operation stands, when one of the records remembers it. */
export function doneBefore(
  operation: OperationId | undefined,
  records: Iterable<StoreRecord | undefined>,
): Sequence | undefined {
  if (operation === undefined) return undefined;
  for (const record of records) {
    const found = record?.operations.find(({ id }) => id === operation);
    if (found) return found.sequence;
  }
  return undefined;
}

/** Of the object as it stands; undefined: the caller may write. */
export type Precondition = (now: StoredResource | undefined) => ApiRefusal | undefined;

export function preconditionOf({ headers }: FastifyRequest): Precondition {
  const [match, none] = [headers["if-match"], headers["if-none-match"]];
  const [, wanted] = /^"(\d{1,15})"$/.exec(match ?? "") ?? [];
  if (match !== undefined && wanted === undefined) {
    throw new ApiRefusal("bad-request", 'header if-match: a generation in quotes, as in "3"');
  }
  if (none !== undefined && none !== "*") throw new ApiRefusal("bad-request", "header if-none-match: only * is known");
  return (now) => {
    if (none !== undefined && now) return failed(`it exists, at generation ${now.generation}`);
    if (wanted === undefined || now?.generation === Number(wanted)) return undefined;
    return failed(now ? `it stands at generation ${now.generation}, not ${wanted}` : "it does not exist");
  };
}

function failed(because: string): ApiRefusal {
  return new ApiRefusal("precondition-failed", `${because}; read it again and decide anew`);
}
