/**
 * Whether this node's copy of the truth is the one that the other nodes hold. Every limits.checksumCompareMs each asks
 * each other for its last positions with their checksums; where both have been at the same position, equal checksums
 * mean equal records.
 *
 *   with more nodes than against   nothing to do: those against read anew, by the same rule
 *   not with more than against     this node reads the stream anew from its leader; with two nodes that differ both do
 *
 * Reading anew costs a moment and harms nobody (what is shown changes in one step, to what is true), so a wrong verdict
 * is harmless. A copy that still differs afterwards is read again with the next comparison, until it does not: the
 * server that it was read through may be the one with the flipped bit. Meanwhile the node counts as stale: it takes no
 * new streams while another can (stream_gate.ts), and says that it is not ready.
 */
import type { NodeName } from "../../actors/runtime/placement.ts";
import type { Clock } from "../../platform/clock.ts";
import { integer, list, object, text } from "../../platform/decode.ts";
import { limits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import type { Doubt, MarkedStream } from "../../store/replica.ts";
import type { StreamName } from "../../store/store.ts";
import type { Others } from "./others.ts";

/** A Replica, as far as it is compared. */
export interface Comparable {
  marked(stream: StreamName): MarkedStream | undefined;
  reread(stream: StreamName, doubt: Doubt): void;
}

export interface AgreementOptions {
  readonly replica: Comparable;
  readonly others: Pick<Others, "names" | "ask" | "answer">;
  readonly clock: Clock;
  readonly log: Logger;
}

/** `incomparable`: another incarnation, other kinds (of another version), still being read, or no position in common. */
export type Comparison = "equal" | "different" | "incomparable";

export interface Verdict {
  readonly equal: readonly NodeName[];
  readonly different: readonly NodeName[];
  /** This node's copy is to be read anew. */
  readonly suspect: boolean;
}

const streams: readonly StreamName[] = ["records", "endpoints"];
const mark = object({ position: integer(0), checksum: text(64) });
const marked = object({ incarnation: text(128), kinds: text(1_024), marks: list(mark, limits.checksumMarks) });
const told = object({}, { records: marked, endpoints: marked });
type Told = ReturnType<typeof told>;

export class Agreement {
  readonly #options: AgreementOptions;
  readonly #verdicts: Record<StreamName, Verdict> = { records: nothing, endpoints: nothing };
  /** Comparisons with one node, by outcome. */
  readonly counts: Record<StreamName, Record<Comparison, number>> = {
    records: { equal: 0, different: 0, incomparable: 0 },
    endpoints: { equal: 0, different: 0, incomparable: 0 },
  };

  constructor(options: AgreementOptions) {
    this.#options = options;
    options.others.answer("checksums", async () => this.#own());
  }

  /** @returns how to stop. */
  start(): () => void {
    const timer = this.#options.clock.every(limits.checksumCompareMs, () => void this.compare());
    return () => timer.cancel();
  }

  /** The last comparison's. */
  verdict(stream: StreamName): Verdict {
    return this.#verdicts[stream];
  }

  /** Whether what this node holds may be wrong. */
  get suspect(): boolean {
    return streams.some((stream) => this.#verdicts[stream].suspect);
  }

  async compare(): Promise<void> {
    const { others, log, replica } = this.#options;
    const asked = others.names().map((node) => others.ask(node, { topic: "checksums" }, told));
    const answers = (await Promise.all(asked)).filter((said) => said.kind === "said");
    for (const stream of streams) {
      const own = replica.marked(stream);
      // While it is read the verdict stays.
      if (!own) continue;
      const compared = answers.map(({ node, value }) => ({ node, outcome: compareMarks(own, value[stream]) }));
      for (const { outcome } of compared) this.counts[stream][outcome]++;
      const verdict = decide(compared);
      // With somebody there who cannot be compared with, the last word stays.
      this.#verdicts[stream] = verdict ?? (compared.length > 0 ? this.#verdicts[stream] : nothing);
      if (!verdict?.suspect) continue;
      log.warn("replica.differs", { stream, from: verdict.different, as: verdict.equal });
      replica.reread(stream, "nodes");
    }
  }

  #own(): Told {
    const { replica } = this.#options;
    const [records, endpoints] = [replica.marked("records"), replica.marked("endpoints")];
    return { ...(records && { records }), ...(endpoints && { endpoints }) };
  }
}

const nothing: Verdict = { equal: [], different: [], suspect: false };

/** At the newest position at which both have been. */
export function compareMarks(own: MarkedStream, other: MarkedStream | undefined): Comparison {
  if (other?.incarnation !== own.incarnation || other.kinds !== own.kinds) return "incomparable";
  const here = new Map(own.marks.map(({ position, checksum }) => [position, checksum]));
  const common = other.marks.findLast(({ position }) => here.has(position));
  if (!common) return "incomparable";
  return here.get(common.position) === common.checksum ? "equal" : "different";
}

/** undefined: with nobody could this node be compared. */
export function decide(
  compared: readonly { readonly node: NodeName; readonly outcome: Comparison }[],
): Verdict | undefined {
  const nodes = (wanted: Comparison): NodeName[] =>
    compared.flatMap(({ node, outcome }) => (outcome === wanted ? [node] : []));
  const [equal, different] = [nodes("equal"), nodes("different")];
  if (equal.length + different.length === 0) return undefined;
  return { equal, different, suspect: different.length > equal.length };
}
