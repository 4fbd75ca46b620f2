/**
 * Who is in the cluster, as this node sees it: the view that places actors (placement.ts). Safety never rests on it (see
 * runtime.ts): a wrong view makes requests slow, it cannot make an actor write twice. What it owes is to be right soon,
 * and not to throw actors back and forth.
 *
 * HEARTBEATS. Every limits.memberHeartbeatMs each node publishes who it is (its name, and a run that a restart changes),
 * whether it hears itself, its wall clock, its card (its addresses), and whom it accuses. They go over core NATS to
 * everybody, the sender among them. The rules are in hearing.ts; here are the timer and the view.
 *
 * SILENCE is measured between messages, not against the clock on the wall of one node: a node is silent for as long as
 * this one has heard itself, without a break, after the other's last word. So a node that was paused, whose event loop
 * stood still or that lost NATS does not find the others dead when it comes back: it did not hear itself either, and
 * begins to listen anew.
 *
 * SUSPICION AND REMOVAL. Who is silent for limits.memberSuspicionMs is accused in the next heartbeat, which leaves at
 * once. So is who is overdue, and of whom NATS says, asked for limits.memberAbsentMs, that nobody listens under its name:
 * its process has ended, or has no connection. A suspect still owns its actors. It is removed when two nodes accuse it that are heard and hear themselves;
 * everybody draws that conclusion from the same accusations, the accused too, which from then on owns nothing. Where
 * there is no second witness (two nodes, or the others are gone as well) one accuser does, after limits.memberAloneMs.
 *
 * WHAT CAN FAIL
 *   - A node dies: NATS drops its connection, and the others learn so when they ask; both accuse it, its actors move after
 *     a second or so. Where its machine dies and NATS cannot know, after the suspicion and a heartbeat.
 *   - It is paused: after the suspicion, too; it wakes, hears that it is accused, and owns nothing until it is trusted again. What it
 *     wrote meanwhile was refused by the record's sequence.
 *   - One cannot hear another, the third hears both: one accuser is not enough, nothing moves, and everybody's view is
 *     the same. Requests between the two are slow.
 *   - A node can speak but not hear: it says so (it does not hear itself) and owns nothing; or it hears itself and
 *     accuses two nodes that others hear, which shows that the fault is at its own ears: it owns nothing.
 *   - A node can hear but not speak: like a death; it does not hear itself, so it judges nobody.
 *   - A node is cut off with its nats-server: the two others remove it. Alone, it removes them, and can write nothing,
 *     since its nats-server has no majority.
 *   - All of NATS is gone: nobody hears anybody, nobody judges, every view stays as it was.
 *   - A node comes and goes: once removed it must be heard for limits.memberRejoinMs before its accusers take it back,
 *     doubled with every removal. A process that has started again is welcome at once, unless one after the other dies
 *     young.
 *   - A wall clock is wrong: a node from whose clock more than half of all clocks are limits.memberClockOffsetMs away
 *     owns nothing and signs nothing. Two nodes that disagree cannot say which is right, and both go on.
 *   - Two processes have one name: both own nothing until one has ended.
 *
 * JOINING AND LEAVING are announced, and taken at their word. A node that has started is heard, and hears, but owns nothing
 * until it says `ready`: reading and compiling the truth keeps it too busy to decide quickly. Where nobody is ready (all
 * of them start, or the only ready one died), those that join own. `leave` says so before anything is handed over, so the
 * others own those actors from that moment; `stop` bids farewell, and nobody waits for a silence.
 */
import type { Clock } from "../../platform/clock.ts";
import { limits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import { type Random, ulid } from "../../platform/random.ts";
import { Hearing, type MemberState, type Now, type SeenMember } from "./hearing.ts";
import { decodeHeartbeat, type Gossip, type Heartbeat } from "./heartbeat.ts";
import type { NodeName, View } from "./placement.ts";

export type { MemberState } from "./hearing.ts";

export interface MembershipOptions {
  readonly self: NodeName;
  readonly clock: Clock;
  readonly random: Random;
  readonly gossip: Gossip;
  readonly log: Logger;
  /** What the others are to know of this node; plain JSON, small, asked for at each heartbeat. */
  readonly card?: () => unknown;
  /** Whether anybody listens under that node's name; undefined: not known. Asked of those that are overdue. */
  readonly isThere?: (node: NodeName) => Promise<boolean | undefined>;
}

export interface KnownMember extends SeenMember {
  readonly self: boolean;
}

export class Membership implements View {
  readonly self: NodeName;
  /** Messages that could not be read. */
  unreadable = 0;
  readonly #options: MembershipOptions;
  readonly #hearing: Hearing;
  readonly #run: string;
  readonly #listeners = new Set<() => void>();
  readonly #states = new Map<NodeName, MemberState>();
  #owners: readonly NodeName[];
  #said = "";
  #startedAtMs = 0;
  #beats = 0;
  #stops: (() => void)[] = [];

  constructor(options: MembershipOptions) {
    const { self, random, clock } = options;
    this.self = self;
    this.#options = options;
    this.#run = ulid(random, clock.nowMs());
    this.#hearing = new Hearing(self, this.#run);
    this.#owners = [self];
  }

  start(): void {
    const { clock, gossip } = this.#options;
    this.#startedAtMs = clock.nowMs();
    const stopHearing = gossip.subscribe((message) => this.#hear(message));
    const beating = clock.every(limits.memberHeartbeatMs, () => this.#beat());
    const looking = clock.every(limits.memberLookMs, () => this.#look());
    this.#stops = [stopHearing, () => beating.cancel(), () => looking.cancel()];
    this.#beat();
  }

  /** Those that own actors. Empty when this node may not own, and knows of nobody else. */
  members(): readonly NodeName[] {
    return this.#owners;
  }

  /** Called when the owners are others than before. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** All that is known, gone ones too, by name. */
  known(): readonly KnownMember[] {
    const { card } = this.#options;
    const { says } = this.#hearing;
    const state = says === "gone" ? "leaving" : says;
    const own = {
      node: this.self,
      state,
      sinceMs: this.#startedAtMs,
      left: false,
      card: card?.(),
      self: true,
    } as const;
    const others = this.#hearing.others().map((other) => ({ ...other, self: false }));
    return [own, ...others].sort((a, b) => (a.node < b.node ? -1 : 1));
  }

  /** The others that can be asked: not known to be gone. */
  others(): readonly NodeName[] {
    return this.#hearing.others().flatMap(({ node, state }) => (state === "dead" ? [] : [node]));
  }

  isGone(node: NodeName): boolean {
    return node !== this.self && !this.others().includes(node);
  }

  /** Why this node must not own or sign now; none: it may. */
  impediments(): readonly string[] {
    return this.#hearing.impediments();
  }

  /** Whether it has heard itself lately. */
  get hears(): boolean {
    return this.#hearing.hears(this.#options.clock.monotonicMs());
  }

  get alone(): boolean {
    const owners = this.#owners;
    return owners.length === 1 && owners[0] === this.self && this.#hearing.others().some(isMissed);
  }

  /** Since when, up to when it has heard itself without a gap, monotonic: what it did not hear between was not said. */
  listening(): { readonly sinceMs: number; readonly untilMs: number } {
    return this.#hearing.listening();
  }

  /** From now on it may own actors. */
  ready(): void {
    if (this.#hearing.says === "joining") this.#say("alive");
  }

  /** From now on the others own what this node did. */
  leave(): void {
    const { says } = this.#hearing;
    if (says === "joining" || says === "alive") this.#say("leaving");
  }

  stop(): void {
    this.leave();
    this.#hearing.says = "gone";
    this.#publish();
    for (const stop of this.#stops.splice(0)) stop();
  }

  #say(what: "alive" | "leaving"): void {
    this.#hearing.says = what;
    this.#beat();
  }

  #beat(): void {
    this.#conclude();
    this.#publish();
  }

  #look(): void {
    const { isThere } = this.#options;
    if (!isThere) return;
    for (const node of this.#hearing.overdue(this.#now())) {
      void isThere(node).then((is) => {
        if (is === undefined || this.#stops.length === 0) return;
        this.#hearing.asked(node, is, this.#now());
        if (this.#conclude()) this.#publish();
      });
    }
  }

  #hear(message: unknown): void {
    const heartbeat = this.#read(message);
    if (!heartbeat) return;
    const isNewcomer = this.#hearing.heard(heartbeat, this.#now());
    // At once: an accusation, because the other accuser waits for it; and to a newcomer, who else would own everything.
    if (this.#conclude() || isNewcomer) this.#publish();
  }

  #read(message: unknown): Heartbeat | undefined {
    try {
      return decodeHeartbeat(message, "heartbeat");
    } catch {
      this.unreadable++;
      return undefined;
    }
  }

  /** @returns whether there is something that the others should know at once. */
  #conclude(): boolean {
    this.#hearing.pass(this.#now());
    const owners = this.#hearing.owners();
    const changed = owners.join() !== this.#owners.join();
    this.#owners = owners;
    this.#tellStates();
    if (changed) {
      this.#options.log.info("members", { owners, impediments: this.impediments() });
      for (const listener of this.#listeners) listener();
    }
    const said = JSON.stringify([this.hears, this.#hearing.accusations()]);
    const isNews = said !== this.#said;
    this.#said = said;
    return isNews;
  }

  #tellStates(): void {
    for (const { node, state } of this.#hearing.others()) {
      if (this.#states.get(node) === state) continue;
      this.#options.log.info("member", { member: node, state });
      this.#states.set(node, state);
    }
  }

  #publish(): void {
    const { gossip, clock, card } = this.#options;
    const heartbeat: Heartbeat = {
      format: 1,
      node: this.self,
      run: this.#run,
      beat: this.#beats++,
      says: this.#hearing.says,
      hears: this.hears,
      wallMs: clock.nowMs(),
      accuses: this.#hearing.accusations(),
      card: card?.(),
    };
    gossip.publish(heartbeat);
  }

  #now(): Now {
    const { clock } = this.#options;
    return { ms: clock.monotonicMs(), wallMs: clock.nowMs() };
  }
}

/** Silent, without having said farewell. */
function isMissed({ state, left }: SeenMember): boolean {
  return state === "dead" && !left;
}
