/**
 * What one node has heard of the others, and what it makes of it: the rules of membership.ts, decided on heartbeats and
 * the time alone. No timers, no I/O: whoever calls `heard` and `pass` moves it.
 */
import { limits } from "../../platform/limits.ts";
import type { Accusation, Heartbeat, Run } from "./heartbeat.ts";
import type { NodeName } from "./placement.ts";

export interface Now {
  /** Monotonic. */
  readonly ms: number;
  readonly wallMs: number;
}

export type MemberState = "joining" | "alive" | "suspect" | "leaving" | "dead";

export interface SeenMember {
  readonly node: NodeName;
  readonly state: MemberState;
  /** Wall time, by this node's clock. */
  readonly sinceMs: number;
  /** It is dead because it said that it would be. */
  readonly left: boolean;
  readonly card: unknown;
}

/** trusted ──silent──▶ accused ──heard──▶ probation ──heard for long enough──▶ trusted; silent again ──▶ accused */
type Trust = "trusted" | "accused" | "probation";

interface Peer {
  readonly node: NodeName;
  heartbeat: Heartbeat;
  /** Runs that were replaced: what still comes of them is late. */
  readonly past: Run[];
  /** When this run was heard first, and last. */
  metAtMs: number;
  heardAtMs: number;
  /** Since when nobody listens under its name. */
  absentSinceMs: number | undefined;
  /** Since when it says that it does not hear itself. */
  deafSinceMs: number | undefined;
  offsetMs: number;
  trust: Trust;
  trustSinceMs: number;
  firm: boolean;
  removed: boolean;
  removals: number;
  state: MemberState;
  stateSince: Now;
}

// Late messages of more runs than this are taken for a new run, once.
const pastRuns = 4;
// A gap between two of a node's own heartbeats longer than this many periods: it was away, and starts to listen anew.
const missedPeriods = 3;

export class Hearing {
  readonly #self: NodeName;
  readonly #run: Run;
  readonly #peers = new Map<NodeName, Peer>();
  /** What this node says of itself. */
  says: Heartbeat["says"] = "joining";
  #echoAtMs: number | undefined;
  #hearingSinceMs = 0;
  #twinAtMs: number | undefined;
  #accused = false;
  #clockIsOff = false;

  constructor(self: NodeName, run: Run) {
    this.#self = self;
    this.#run = run;
  }

  /** @returns whether it is the first of that run: a newcomer, who knows nobody yet. */
  heard(heartbeat: Heartbeat, now: Now): boolean {
    if (heartbeat.node === this.#self) {
      this.#heardSelf(heartbeat, now);
      return false;
    }
    const known = this.#peers.get(heartbeat.node);
    if (!known) return this.#met(heartbeat, now);
    if (known.past.includes(heartbeat.run)) return false;
    const isNew = heartbeat.run !== known.heartbeat.run;
    if (isNew) this.#replaced(known, now);
    // Late, or said twice.
    else if (heartbeat.beat <= known.heartbeat.beat) return false;
    known.heartbeat = heartbeat;
    known.heardAtMs = now.ms;
    known.absentSinceMs = undefined;
    known.deafSinceMs = heartbeat.hears ? undefined : (known.deafSinceMs ?? now.ms);
    known.offsetMs = heartbeat.wallMs - now.wallMs;
    if (known.trust === "accused") this.#setTrust(known, known.removed ? "probation" : "trusted", now);
    return isNew;
  }

  /** Whose heartbeat should have come: worth to be asked for. */
  overdue(now: Now): NodeName[] {
    if (!this.hears(now.ms)) return [];
    return [...this.#peers.values()].filter((peer) => isOverdue(peer, now)).map(({ node }) => node);
  }

  /** Somebody asked whether it is there. */
  asked(node: NodeName, isThere: boolean, now: Now): void {
    const peer = this.#peers.get(node);
    if (!peer) return;
    if (isThere || !isOverdue(peer, now)) peer.absentSinceMs = undefined;
    else peer.absentSinceMs ??= now.ms;
  }

  /** Draws the conclusions of what was heard up to now. */
  pass(now: Now): void {
    for (const peer of this.#peers.values()) this.#judge(peer, now);
    for (const peer of this.#peers.values()) this.#settle(peer, now);
    this.#accused = this.#isConvicted(this.#self, this.#run);
    this.#clockIsOff = this.#disagrees(0);
    if (this.#twinAtMs !== undefined && now.ms - this.#twinAtMs > limits.memberSuspicionMs) this.#twinAtMs = undefined;
  }

  /** Whether this node has heard itself lately: only then what it does not hear means anything. */
  hears(nowMs: number): boolean {
    return this.#echoAtMs !== undefined && nowMs - this.#echoAtMs <= limits.memberSuspicionMs;
  }

  /** Since when, up to when it has heard itself without a gap, monotonic: what it did not hear between was not said. */
  listening(): { readonly sinceMs: number; readonly untilMs: number } {
    const untilMs = this.#echoAtMs ?? 0;
    return { sinceMs: this.#echoAtMs === undefined ? untilMs : this.#hearingSinceMs, untilMs };
  }

  accusations(): Accusation[] {
    return [...this.#peers.values()].flatMap(({ node, trust, firm, heartbeat: { run, says } }) =>
      trust === "trusted" || says === "gone"
        ? []
        : [{ node, run, firm, because: trust === "accused" ? "silent" : "probation" }],
    );
  }

  /** Those that own actors, in the order of their names. Where nobody is ready, those that join. */
  owners(): NodeName[] {
    const ready = this.#able("alive");
    return (ready.length > 0 ? ready : this.#able("joining")).sort();
  }

  /** Why this node must not own or sign now; none: it may. */
  impediments(): string[] {
    const reasons: string[] = [];
    if (this.#accused) reasons.push("the other nodes do not hear it");
    if (this.#clockIsOff)
      reasons.push(`its clock is more than ${limits.memberClockOffsetMs / 1_000} s from the others'`);
    if (this.#twinAtMs !== undefined) reasons.push(`another process calls itself ${this.#self}`);
    return reasons;
  }

  /** The others, gone ones too while they are remembered. */
  others(): SeenMember[] {
    return [...this.#peers.values()].map(({ node, state, stateSince, heartbeat }) => ({
      node,
      state,
      sinceMs: stateSince.wallMs,
      left: heartbeat.says === "gone",
      card: heartbeat.card,
    }));
  }

  #heardSelf({ run, says }: Heartbeat, now: Now): void {
    if (run !== this.#run) {
      if (says !== "gone") this.#twinAtMs = now.ms;
      return;
    }
    const awayMs = now.ms - (this.#echoAtMs ?? Number.NEGATIVE_INFINITY);
    if (awayMs > missedPeriods * limits.memberHeartbeatMs) this.#hearingSinceMs = now.ms;
    this.#echoAtMs = now.ms;
  }

  #met(heartbeat: Heartbeat, now: Now): boolean {
    if (this.#peers.size >= limits.members || heartbeat.says === "gone") return false;
    this.#peers.set(heartbeat.node, {
      node: heartbeat.node,
      heartbeat,
      past: [],
      metAtMs: now.ms,
      heardAtMs: now.ms,
      absentSinceMs: undefined,
      deafSinceMs: heartbeat.hears ? undefined : now.ms,
      offsetMs: heartbeat.wallMs - now.wallMs,
      trust: "trusted",
      trustSinceMs: now.ms,
      firm: false,
      removed: false,
      removals: 0,
      state: heartbeat.says,
      stateSince: now,
    });
    return true;
  }

  /** Another process of that name is welcome at once, unless one after the other dies young. */
  #replaced(peer: Peer, now: Now): void {
    peer.past.push(peer.heartbeat.run);
    if (peer.past.length > pastRuns) peer.past.shift();
    const diedYoung = peer.heardAtMs - peer.metAtMs < limits.memberYoungMs;
    peer.metAtMs = now.ms;
    if (diedYoung && peer.removals > 1) return;
    if (!diedYoung) peer.removals = 0;
    peer.removed = false;
    peer.firm = false;
    this.#setTrust(peer, "trusted", now);
  }

  #judge(peer: Peer, now: Now): void {
    if (peer.heartbeat.says === "gone") return;
    const silentMs = this.#silentMs(peer);
    const heldMs = now.ms - peer.trustSinceMs;
    const isAbsent = peer.absentSinceMs !== undefined && now.ms - peer.absentSinceMs >= limits.memberAbsentMs;
    const isAway = silentMs > limits.memberSuspicionMs || (isAbsent && this.hears(now.ms));
    if (peer.trust !== "accused" && isAway) this.#setTrust(peer, "accused", now);
    else if (peer.trust === "probation" && heldMs >= rejoinMs(peer.removals)) {
      peer.removed = false;
      peer.firm = false;
      this.#setTrust(peer, "trusted", now);
    } else if (peer.trust === "trusted" && heldMs > limits.memberSteadyMs) peer.removals = 0;
    if (peer.trust === "accused" && silentMs > limits.memberAloneMs) peer.firm = true;
  }

  /** By the time at which this node last heard itself: what it may have missed while it was away proves nothing. */
  #silentMs({ heardAtMs }: Peer): number {
    return (this.#echoAtMs ?? Number.NEGATIVE_INFINITY) - Math.max(heardAtMs, this.#hearingSinceMs);
  }

  #setTrust(peer: Peer, trust: Trust, now: Now): void {
    peer.trust = trust;
    peer.trustSinceMs = now.ms;
  }

  #settle(peer: Peer, now: Now): void {
    const state = this.#stateOf(peer);
    if (state === "dead" && peer.heartbeat.says !== "gone" && peer.trust !== "trusted" && !peer.removed) {
      peer.removed = true;
      peer.firm = true;
      peer.removals++;
    }
    if (state !== peer.state) {
      peer.state = state;
      peer.stateSince = now;
    }
    const isAway = peer.heartbeat.says === "gone" || peer.trust === "accused";
    if (isAway && state === "dead" && now.ms - peer.stateSince.ms > limits.memberForgottenMs) {
      this.#peers.delete(peer.node);
    }
  }

  #able(says: "joining" | "alive"): NodeName[] {
    const peers = [...this.#peers.values()].filter(
      (peer) => peer.heartbeat.says === says && isOwner(peer) && !this.#disagrees(peer.offsetMs),
    );
    const own = this.says === says && this.impediments().length === 0 ? [this.#self] : [];
    return [...peers.map(({ node }) => node), ...own];
  }

  #stateOf(peer: Peer): MemberState {
    const { node, heartbeat } = peer;
    if (heartbeat.says === "gone" || this.#isConvicted(node, heartbeat.run)) return "dead";
    if (heartbeat.says === "leaving") return "leaving";
    const isTrusted = peer.trust === "trusted" && this.#accusersOf(node, heartbeat.run).length === 0;
    return isTrusted ? heartbeat.says : "suspect";
  }

  #isConvicted(node: NodeName, run: Run): boolean {
    const accusers = this.#accusersOf(node, run);
    if (accusers.length >= 2) return true;
    const witnesses = this.#witnesses().filter((peer) => peer.node !== node).length + (node === this.#self ? 0 : 1);
    if (witnesses <= 1 && accusers.some(({ firm }) => firm)) return true;
    return this.#isDeaf(node);
  }

  /** Accusations that count: this node's, and those of nodes that it hears and that hear themselves. */
  #accusersOf(node: NodeName, run: Run): Accusation[] {
    const others = this.#witnesses().filter((peer) => peer.node !== node);
    const all = [...others.flatMap(({ heartbeat }) => heartbeat.accuses), ...this.accusations()];
    return all.filter((accusation) => accusation.node === node && accusation.run === run);
  }

  /** It does not hear two nodes of which this one knows that they can be heard: the fault is at its ears. */
  #isDeaf(node: NodeName): boolean {
    const peer = this.#peers.get(node);
    if (peer?.trust !== "trusted") return false;
    const heardHere = new Map(this.#witnesses().map((other) => [other.node, other.heartbeat.run]));
    heardHere.set(this.#self, this.#run);
    const missed = peer.heartbeat.accuses.filter(
      ({ node: accused, run, because }) => because === "silent" && heardHere.get(accused) === run,
    );
    return missed.length >= 2;
  }

  /** Whose word counts: heard, on probation too, and hearing. */
  #witnesses(): Peer[] {
    return [...this.#peers.values()].filter(
      ({ trust, heartbeat }) => trust !== "accused" && heartbeat.hears && heartbeat.says !== "gone",
    );
  }

  /** Whether more than half of all clocks are far from one at this offset from ours. */
  #disagrees(offsetMs: number): boolean {
    const heard = [...this.#peers.values()].filter(({ trust, state }) => trust === "trusted" && state !== "dead");
    const voices = [0, ...heard.map((peer) => peer.offsetMs)];
    const far = voices.filter((voice) => Math.abs(voice - offsetMs) > limits.memberClockOffsetMs).length;
    return 2 * far > voices.length;
  }
}

function isOverdue({ heartbeat, trust, heardAtMs }: Peer, now: Now): boolean {
  return heartbeat.says !== "gone" && trust !== "accused" && now.ms - heardAtMs > limits.memberOverdueMs;
}

/** Who does not hear itself for a moment has just come, or come back. */
function isOwner({ state, heardAtMs, deafSinceMs = heardAtMs }: Peer): boolean {
  return state !== "leaving" && state !== "dead" && heardAtMs - deafSinceMs < limits.memberHeartbeatMs / 2;
}

function rejoinMs(removals: number): number {
  return Math.min(limits.memberRejoinLongestMs, limits.memberRejoinMs * 2 ** Math.max(0, removals - 1));
}
