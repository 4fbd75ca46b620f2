/**
 * What operators have said about what reaches the proxies: one record of the mesh, `delivery.mesh`. Written by the API
 * (compare-and-set, with a log entry), read by every node's brake (meshd/brake/gate.ts).
 */
import { boolean, integer, object, text } from "../platform/decode.ts";
import { decodeMark, type Mark } from "./mark.ts";

/** Both streams, as their leaders had them. */
export interface Marks {
  readonly records: Mark;
  readonly endpoints: Mark;
}

/** What was declared after `at` waits until the freeze is lifted. */
export interface Freeze {
  readonly who: string;
  readonly reason: string;
  readonly sinceMs: number;
  readonly at: Marks;
  /** Endpoints wait too. */
  readonly endpoints: boolean;
}

export interface Delivery {
  readonly frozen?: Freeze;
  /** What the brake held up to here may go. */
  readonly released?: Marks;
  /** The backup by which this stream came to be: what is not in it is meant to be gone. */
  readonly restored?: string;
}

const marks = object({ records: decodeMark, endpoints: decodeMark });
const freeze = object({ who: text(512), reason: text(1_024), sinceMs: integer(0), at: marks, endpoints: boolean });

export const decodeDelivery = object({}, { frozen: freeze, released: marks, restored: text(512) });
