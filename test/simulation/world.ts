/** All that a schedule is made of: three nodes on one truth, callers, agents, and the checks. */
import type { NodeName } from "../../src/actors/runtime/placement.ts";
import { integerIn, type Random, seededRandom } from "../../src/platform/random.ts";
import { MemoryServer } from "../../src/store/memory/server.ts";
import { SimAgent } from "./agents.ts";
import { Caller } from "./callers.ts";
import { Checker } from "./checker.ts";
import { Network } from "./network.ts";
import { SimNode } from "./node.ts";
import { Outside } from "./outside.ts";
import type { Plant } from "./plant.ts";
import { VirtualTime } from "./time.ts";
import { Trace } from "./trace.ts";

export interface WorldOptions {
  readonly seed: number;
  readonly plant?: Plant;
  readonly keepTrace?: boolean;
}

export const keepers: readonly string[] = ["k0", "k1", "k2", "k3"];

export class World {
  readonly time = new VirtualTime();
  readonly random: Random;
  readonly trace: Trace;
  readonly server: MemoryServer;
  readonly network: Network;
  readonly outside: Outside;
  readonly checker: Checker;
  readonly plant: Plant;
  readonly nodes: readonly SimNode[];
  readonly callers: readonly Caller[];
  readonly agents: readonly SimAgent[];
  healed = false;
  readonly #seed: number;

  constructor({ seed, plant = {}, keepTrace = false }: WorldOptions) {
    this.#seed = seed;
    this.plant = plant;
    this.random = this.chance("world");
    this.trace = new Trace(() => this.time.elapsedMs, keepTrace);
    this.server = new MemoryServer({ clock: this.time, random: this.chance("server") });
    this.network = new Network(this.time, this.chance("network"));
    this.outside = new Outside(this.time, this.chance("outside"), this.network);
    this.checker = new Checker({ server: this.server, trace: this.trace, nowMs: () => this.time.elapsedMs });
    const members = ["n0", "n1", "n2"].map((name) => name as NodeName);
    const { time, server, network, checker, trace } = this;
    const shared = { time, server, network, checker, trace, plant, keepers };
    this.nodes = members.map((name) => new SimNode(name, { ...shared, random: this.chance(name) }));
    this.callers = ["a", "b", "c", "d"].map((name) => new Caller(name, this, this.chance(`caller ${name}`)));
    this.agents = ["h0", "h1", "h2", "h3"].map((name) => new SimAgent(name, this, this.chance(`agent ${name}`)));
  }

  /** Dice of its own, so that one part's throws do not move another's. */
  chance(part: string): Random {
    let mixed = this.#seed >>> 0;
    for (const character of part) mixed = Math.imul(mixed ^ character.charCodeAt(0), 0x01000193) >>> 0;
    return seededRandom(mixed);
  }

  node(at: number): SimNode {
    const node = this.nodes[at];
    if (!node) throw new Error(`there is no node ${at}`);
    return node;
  }

  anyNode(random: Random): SimNode {
    return this.node(integerIn(random, 0, this.nodes.length));
  }

  /** Everything is put right. */
  heal(): void {
    this.healed = true;
    this.trace.note("heal");
    this.network.heal();
    this.server.resumeTails();
    for (const node of this.nodes) node.heal();
  }
}
