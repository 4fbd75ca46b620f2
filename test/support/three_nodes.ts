/**
 * The three nodes and three nats-servers of a mesh, as a chaos scenario sees them: where they answer, who owns an actor,
 * whether all of it has healed.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { type NodeName, ownerOf } from "../../src/actors/runtime/placement.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { openJetStreamStore } from "../../src/store/jetstream/open.ts";
import type { Store } from "../../src/store/store.ts";
import type { Mesh } from "./mesh.ts";

const cluster = "local";
const streams = ["WEFT_LOCAL_RECORDS", "WEFT_LOCAL_ENDPOINTS"];
/** How long one question may take, ms; a frozen process accepts and never answers. */
const askMs = 2_000;
/** Between two looks at what has no event to wait for, ms. */
const pollMs = 50;

interface Member {
  readonly name: string;
  readonly state: string;
}

export interface Healed {
  /** On performance.now()'s clock. */
  readonly atMs: number;
  /** What was missing last. */
  readonly waitedFor: string;
}

export interface NatsAccess {
  readonly servers: string[];
  readonly user: string;
  readonly pass: string;
}

/** As the mesh says now; ports stay when parts are started again. */
export function natsAccess({ stateDir }: Mesh): NatsAccess {
  const read = (name: string) => JSON.parse(readFileSync(join(stateDir, name), "utf8"));
  const { user, pass } = read("nats-credentials.json");
  return { user, pass, servers: read("dev.json").nats.map(({ url }: { readonly url: string }) => url) };
}

/** A client of the mesh's own store, beside its nodes. */
export function openStoreOf(mesh: Mesh): Promise<Store> {
  return openJetStreamStore({
    ...natsAccess(mesh),
    cluster,
    replicas: 3,
    assumeSynced: true,
    name: "chaos",
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  });
}

export class ThreeNodes {
  readonly names: readonly string[];
  readonly apis: readonly string[];
  readonly nats: readonly string[];
  readonly #mesh: Mesh;

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
    this.names = mesh.ready.nodes.map(({ name }) => name);
    this.apis = mesh.ready.nodes.map(({ api }) => api);
    this.nats = mesh.ready.nats.map(({ name }) => name);
  }

  apiOf(name: string): string {
    return this.apis[this.names.indexOf(name)] ?? "";
  }

  pidOf(part: string): number {
    const pid = this.#mesh.pidOf(part);
    if (pid === undefined) throw new Error(`${part} does not run`);
    return pid;
  }

  /** With all of them alive, which one a service's actor is placed on. */
  ownerOfService(service: string): string {
    return ownerOf({ kind: "service", id: service }, this.names as NodeName[]) ?? "";
  }

  /**
   * Resolves when every node is ready and sees all alive, and every stream has a leader and two followers that have all
   * of it.
   */
  healed(patienceMs = 90_000): Promise<Healed> {
    return untilNothing(patienceMs, async () => [...(await this.#nodesMissing()), ...(await this.#natsMissing())]);
  }

  /** The same of the nodes alone. */
  nodesHealed(patienceMs = 90_000): Promise<Healed> {
    return untilNothing(patienceMs, () => this.#nodesMissing());
  }

  async #nodesMissing(): Promise<string[]> {
    const each = await Promise.all(
      this.apis.map(async (api, index) => {
        const signal = AbortSignal.timeout(askMs);
        try {
          const ready = await fetch(`${api}/readyz`, { signal });
          if (ready.status !== 200) return `${this.names[index]}: ${(await ready.text()).slice(0, 200)}`;
          const members = (await (await fetch(`${api}/v1/members`, { signal })).json()) as readonly Member[];
          const others = members.filter(({ state }) => state !== "alive").map(({ name, state }) => `${name} ${state}`);
          if (members.length === this.names.length && others.length === 0) return [];
          return `${this.names[index]} sees ${others.join(", ") || `${members.length} nodes`}`;
        } catch (cause) {
          return `${this.names[index]}: ${cause instanceof Error ? cause.message : String(cause)}`;
        }
      }),
    );
    return each.flat();
  }

  async #natsMissing(): Promise<string[]> {
    try {
      return (await Promise.all(natsAccess(this.#mesh).servers.map((server) => this.#streamsSeenAt(server)))).flat();
    } catch (cause) {
      return [`NATS: ${cause instanceof Error ? cause.message : String(cause)}`];
    }
  }

  async #streamsSeenAt(server: string): Promise<string[]> {
    const { user, pass } = natsAccess(this.#mesh);
    const nats = await connect({ servers: [server], user, pass, reconnect: false, timeout: askMs });
    try {
      const manager = await jetstreamManager(nats, { timeout: askMs, checkAPI: false });
      const missing: string[] = [];
      for (const stream of streams) {
        const { cluster: group } = await manager.streams.info(stream);
        const behind = group?.replicas?.filter(({ current }) => !current).map(({ name }) => name) ?? [];
        if (!group?.leader || group.replicas?.length !== 2) missing.push(`${stream} has no leader or no two followers`);
        if (behind.length > 0) missing.push(`${stream} on ${behind.join(", ")} is behind`);
      }
      return missing;
    } finally {
      await nats.close();
    }
  }
}

async function untilNothing(patienceMs: number, look: () => Promise<readonly string[]>): Promise<Healed> {
  const untilMs = performance.now() + patienceMs;
  let waitedFor = "";
  for (;;) {
    const missing = await look();
    if (missing.length === 0) return { atMs: performance.now(), waitedFor };
    waitedFor = missing.join("; ");
    if (performance.now() > untilMs) throw new Error(`not healed in ${patienceMs / 1_000} s: ${waitedFor}`);
    await wait(pollMs);
  }
}

/** Name of the nats-server that leads the records; asked again while they elect. */
export async function leaderOfRecords(mesh: Mesh, tries = 10): Promise<string> {
  try {
    return await askedLeader(mesh);
  } catch (cause) {
    if (tries <= 1) throw cause;
    await wait(10 * pollMs);
    return leaderOfRecords(mesh, tries - 1);
  }
}

async function askedLeader(mesh: Mesh): Promise<string> {
  const { servers, user, pass } = natsAccess(mesh);
  const nats = await connect({ servers, user, pass });
  try {
    const { cluster: group } = await (await jetstreamManager(nats)).streams.info("WEFT_LOCAL_RECORDS");
    // The server's name, which begins with the part's.
    const leader = mesh.ready.nats.find(({ name }) => `${group?.leader}-`.startsWith(`${name}-`));
    if (!leader) throw new Error(`no nats-server leads: ${group?.leader}`);
    return leader.name;
  } finally {
    await nats.close();
  }
}
