/**
 * Whether this node may take a new stream: not while what it would send is older than what the proxy may have been sent
 * elsewhere, as long as somebody else could do better. An old DENY must not come back, nor a route that was taken away.
 * Streams that are open go on.
 *
 *   another keeps what the store lost     refused: a node that was started afterwards knows nothing of it, and would take
 *                                         it away from the proxy
 *   fresh, and the leaders can be asked   wait until this copy holds all that they hold now, at the stream's arrival:
 *                                         more nobody can have been sent. (One question serves all that arrive meanwhile.)
 *   else, and another node is ahead       refused: Envoy turns to the next address
 *   else                                  taken, with what there is: all of NATS may be gone, and nobody has more
 *
 * Nodes tell each other how far they are with every heartbeat (member_card.ts). "Ahead" is an order of all nodes, so of
 * those that hear each other there is always one that nobody is ahead of.
 */
import type { NodeName } from "../../actors/runtime/placement.ts";
import type { Clock } from "../../platform/clock.ts";
import { limits } from "../../platform/limits.ts";
import { revisionOf, type Sequence, type StreamName } from "../../store/store.ts";
import type { Copy } from "./member_card.ts";
import { SharedQuestion } from "./shared_question.ts";

export interface GateOptions {
  readonly replica: {
    staleMs(): number;
    position(): Readonly<Record<StreamName, Sequence>>;
    waitFor(token: string, signal: AbortSignal): Promise<void>;
  };
  readonly store: {
    incarnation(stream: StreamName): string;
    lastSequence(stream: StreamName, signal: AbortSignal): Promise<Sequence>;
  };
  /** Whether other nodes contradict this copy. */
  readonly isSuspect: () => boolean;
  /** Whether this node serves what the store has lost; see brake/gate.ts. */
  readonly keeps: () => boolean;
  readonly others: () => readonly { readonly node: NodeName; readonly copy: Copy }[];
  readonly clock: Clock;
}

export class StreamGate {
  readonly #options: GateOptions;
  readonly #caughtUp: SharedQuestion<boolean>;
  /** Streams by what became of them. `behind`: taken although this copy may be old, because nobody is ahead. */
  readonly counts = { current: 0, behind: 0, refused: 0 };

  constructor(options: GateOptions) {
    this.#options = options;
    this.#caughtUp = new SharedQuestion(() => this.#catchUp());
  }

  /** How far this node is, for the others. */
  copy(): Copy {
    const { replica, store, keeps } = this.#options;
    const { records, endpoints } = replica.position();
    return {
      fresh: this.#isFresh(),
      keeps: keeps(),
      records: { incarnation: store.incarnation("records"), position: records },
      endpoints: { incarnation: store.incarnation("endpoints"), position: endpoints },
    };
  }

  /** undefined: it may begin. Else why not here, not now. */
  async admit(): Promise<string | undefined> {
    if (this.#isFresh() && (await this.#caughtUp.ask()) && !this.#othersKeep()) {
      this.counts.current++;
      return undefined;
    }
    const own = this.copy();
    const ahead = this.#options.others().find(({ copy }) => isAhead(copy, own));
    this.counts[ahead ? "refused" : "behind"]++;
    if (ahead?.copy.keeps && !own.keeps) return `node ${ahead.node} has what the store lost, this node has not`;
    return ahead && `this node's copy of the configuration is older than that of node ${ahead.node}`;
  }

  #isFresh(): boolean {
    const { replica, isSuspect } = this.#options;
    return replica.staleMs() <= limits.streamStaleMs && !isSuspect();
  }

  #othersKeep(): boolean {
    return !this.#options.keeps() && this.#options.others().some(({ copy }) => copy.keeps);
  }

  async #catchUp(): Promise<boolean> {
    const { replica, store, clock } = this.#options;
    const ending = new AbortController();
    const timer = clock.after(limits.streamCatchUpMs, () => ending.abort());
    const reach = async (stream: StreamName): Promise<void> => {
      const last = await store.lastSequence(stream, ending.signal);
      await replica.waitFor(revisionOf(store.incarnation(stream), last), ending.signal);
    };
    try {
      await Promise.all([reach("records"), reach("endpoints")]);
      return true;
    } catch {
      return false;
    } finally {
      timer.cancel();
    }
  }
}

/** First by whether it keeps what was lost, then by whether it is fresh, then by how far it is: policies before endpoints. */
export function isAhead(one: Copy, other: Copy): boolean {
  const [keeps, otherKeeps] = [one.keeps ?? false, other.keeps ?? false];
  if (keeps !== otherKeeps) return keeps;
  if (one.fresh !== other.fresh) return one.fresh;
  for (const stream of ["records", "endpoints"] as const) {
    // Sequences of two incarnations say nothing about each other.
    if (one[stream].incarnation !== other[stream].incarnation) return false;
    if (one[stream].position !== other[stream].position) return one[stream].position > other[stream].position;
  }
  return false;
}
