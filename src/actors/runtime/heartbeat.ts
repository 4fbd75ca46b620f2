/**
 * What nodes tell each other, and the port over which they do. Everything is plain JSON data and checked where it
 * enters: a message that cannot be read is as good as none.
 */
import { isDnsLabel } from "../../model/names.ts";
import { anything, boolean, integer, list, literal, object, oneOf, parsed, text } from "../../platform/decode.ts";
import { limits } from "../../platform/limits.ts";
import type { NodeName } from "./placement.ts";

/** To everybody, the sender among them. A message may come late, twice or never. */
export interface Gossip {
  publish(message: unknown): void;
  /** @returns how to stop listening. */
  subscribe(handler: (message: unknown) => void): () => void;
}

/** One process of a node: a restart is another run. */
export type Run = string;

export interface Accusation {
  readonly node: NodeName;
  readonly run: Run;
  /** silent: it is not heard. probation: it was removed, and has not been heard for long enough since. */
  readonly because: "silent" | "probation";
  /** Counts alone, where there is no second witness. */
  readonly firm: boolean;
}

export interface Heartbeat {
  readonly format: 1;
  readonly node: NodeName;
  readonly run: Run;
  /** Rises with each of the run: what has been said later counts. */
  readonly beat: number;
  /** joining: cannot serve yet, and owns nothing. leaving: hands its actors over. gone: has ended, by itself. */
  readonly says: "joining" | "alive" | "leaving" | "gone";
  /** Whether it hears itself. */
  readonly hears: boolean;
  readonly wallMs: number;
  readonly accuses: readonly Accusation[];
  /** Whatever the node wants the others to know of it, such as its addresses. */
  readonly card?: unknown;
}

const nodeName = parsed("a node's name", (name) => (isDnsLabel(name) ? (name as NodeName) : undefined));
const run = text(64);
const accusation = object({ node: nodeName, run, because: oneOf("silent", "probation"), firm: boolean });

export const decodeHeartbeat = object(
  {
    format: literal(1),
    node: nodeName,
    run,
    beat: integer(0),
    says: oneOf("joining", "alive", "leaving", "gone"),
    hears: boolean,
    wallMs: integer(0),
    accuses: list(accusation, limits.members),
  },
  { card: anything },
);
