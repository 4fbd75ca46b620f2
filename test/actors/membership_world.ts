/** Nodes' memberships over a network that a test cuts, slows and heals, on one clock that it moves. */
import type { Gossip } from "../../src/actors/runtime/heartbeat.ts";
import { type KnownMember, Membership } from "../../src/actors/runtime/membership.ts";
import type { Clock, Timer } from "../../src/platform/clock.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { integerIn, type Random, seededRandom } from "../../src/platform/random.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { nodeName } from "./cluster.ts";

/** A node's own clock: it can be set wrong, and its process can stand still. */
class NodeClock implements Clock {
  readonly #clock: ManualClock;
  readonly #held: (() => void)[] = [];
  offsetMs = 0;
  paused = false;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  nowMs(): number {
    return this.#clock.nowMs() + this.offsetMs;
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  after(delayMs: number, action: () => void): Timer {
    return this.#clock.after(delayMs, () => this.run(action));
  }

  every(periodMs: number, action: () => void): Timer {
    return this.#clock.every(periodMs, () => this.run(action));
  }

  /** What falls due while the process stands still happens when it wakes, once. */
  run(action: () => void): void {
    if (!this.paused) action();
    else if (!this.#held.includes(action)) this.#held.push(action);
  }

  wake(): void {
    this.paused = false;
    for (const action of this.#held.splice(0)) action();
  }
}

export interface WorldNode {
  readonly name: string;
  readonly clock: NodeClock;
  readonly membership: Membership;
  /** Its owners, each time they changed. */
  readonly views: string[];
}

export class MembershipWorld {
  readonly clock = new ManualClock();
  readonly random: Random;
  /** Whether what one node says reaches the other. A node is cut from NATS when it does not reach itself. */
  reaches: (from: string, to: string) => boolean = () => true;
  /** Whether NATS knows which nodes have a connection, and says so. */
  tellsAbsence = false;
  readonly #receivers = new Map<string, Set<(message: unknown) => void>>();
  readonly #nodes = new Map<string, WorldNode>();

  constructor(seed = 1) {
    this.random = seededRandom(seed);
  }

  static async of(names: readonly string[], seed?: number): Promise<MembershipWorld> {
    const world = new MembershipWorld(seed);
    for (const name of names) world.start(name);
    await world.pass(2_000);
    return world;
  }

  /** A first start, or another run of a node that was killed. */
  start(name: string, card: unknown = { port: 1 }): WorldNode {
    const node = this.join(name, card);
    node.membership.ready();
    return node;
  }

  /** It is not ready yet. */
  join(name: string, card: unknown = { port: 1 }): WorldNode {
    const clock = new NodeClock(this.clock);
    this.#receivers.set(name, new Set());
    const membership = new Membership({
      self: nodeName(name),
      clock,
      random: this.random,
      gossip: this.#gossip(name, clock),
      log: silentLogger,
      card: () => card,
      isThere: async (node) => {
        if (!this.tellsAbsence || !this.reaches(name, name)) return undefined;
        const other = this.#nodes.get(node);
        if (!other || !this.reaches(node, node)) return false;
        return other.clock.paused || !this.reaches(node, name) || !this.reaches(name, node) ? undefined : true;
      },
    });
    const node: WorldNode = { name, clock, membership, views: [] };
    membership.onChange(() => node.views.push(membership.members().join("")));
    this.#nodes.set(name, node);
    membership.start();
    return node;
  }

  node(name: string): WorldNode {
    const node = this.#nodes.get(name);
    if (!node) throw new Error(`no node ${name}`);
    return node;
  }

  /** kill -9: it neither says nor hears anything any more. */
  kill(name: string): void {
    this.node(name).clock.paused = true;
    this.#receivers.delete(name);
    this.#nodes.delete(name);
  }

  pause(name: string): void {
    this.node(name).clock.paused = true;
  }

  resume(name: string): void {
    this.node(name).clock.wake();
  }

  pass(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  /** Who each running node thinks owns actors: "a:abc b:abc c:abc". */
  views(): string {
    return [...this.#nodes.values()]
      .map(({ name, membership }) => `${name}:${membership.members().join("")}`)
      .join(" ");
  }

  /** As `on` sees the other. */
  stateOf(name: string, on: string): KnownMember["state"] | undefined {
    return this.node(on)
      .membership.known()
      .find(({ node }) => node === name)?.state;
  }

  /** A message that came from nobody known. */
  inject(to: string, message: unknown): void {
    for (const handler of this.#receivers.get(to) ?? []) handler(message);
  }

  forgetViews(): void {
    for (const { views } of this.#nodes.values()) views.length = 0;
  }

  #gossip(from: string, sender: NodeClock): Gossip {
    return {
      publish: (message) => {
        if (sender.paused) return;
        for (const [to, handlers] of this.#receivers) {
          if (!this.reaches(from, to)) continue;
          this.clock.after(integerIn(this.random, 1, 20), () => {
            const receiver = this.#nodes.get(to);
            if (this.#receivers.get(to) !== handlers || !receiver) return;
            const deliver = (): void => {
              for (const handler of handlers) handler(structuredClone(message));
            };
            // A socket holds what comes while the process stands still.
            receiver.clock.run(deliver);
          });
        }
      },
      subscribe: (handler) => {
        const handlers = this.#receivers.get(from);
        handlers?.add(handler);
        return () => handlers?.delete(handler);
      },
    };
  }
}
