/**
 * Clients that go on through whatever breaks, each an operation at a time, at a steady pace all together:
 *
 *   swappers     several for each object: read it at the leader, or write it where it stands (compare-and-set by generation)
 *   announcers   each with a service of its own: change its endpoint, now and then its port, which its actor decides
 *
 * Every write has a value and an idempotency key of its own, so what the store then holds tells of each whether it was
 * done, and how often. `stop` holds all of it against that history.
 */
import { setTimeout as wait } from "node:timers/promises";
import { integerIn, jittered, type Random, seededRandom } from "../../src/platform/random.ts";
import { type Call, CarefulClient, type Settled } from "./careful_client.ts";
import type { Recorded } from "./linearizable.ts";
import { type Disorder, disorderOf, type ObjectAction, type ObjectState } from "./object_history.ts";
import type { StreamHistory } from "./stream_history.ts";

export interface WritersOptions {
  readonly apis: readonly string[];
  readonly swappers: number;
  readonly objects: number;
  readonly announcers: number;
  /** Of all together. */
  readonly perSecond: number;
  /** With how many writes an announcer's port changes. */
  readonly portEvery?: number;
  readonly seed: number;
}

export interface Acknowledged {
  readonly writer: string;
  readonly calledMs: number;
  readonly answeredMs: number;
  readonly failures: readonly string[];
}

export interface WrittenReport {
  readonly sent: number;
  readonly acknowledged: number;
  readonly reads: number;
  /** Compare-and-sets that were told that the object stands elsewhere. */
  readonly refused: number;
  readonly unknown: number;
  /** Acknowledged, and not in the store's history. */
  readonly lost: readonly string[];
  /** Told as refused, and in the store's history. */
  readonly falselyRefused: readonly string[];
  /** Operations applied twice, epochs that fell. */
  readonly breaches: readonly string[];
  readonly disorder: Disorder;
}

/** What must not be in a report, a line each. */
export function wrongs({ lost, falselyRefused, breaches, disorder }: WrittenReport): readonly string[] {
  return [
    ...lost.map((what) => `acknowledged and lost: ${what}`),
    ...falselyRefused.map((what) => `refused, and done all the same: ${what}`),
    ...breaches.map((what) => `breach: ${what}`),
    ...disorder.writes.map((what) => `writes without order: ${what}`),
  ];
}

export function printWritten(report: WrittenReport): readonly string[] {
  const { sent, acknowledged, reads, refused, unknown, lost, falselyRefused, breaches, disorder } = report;
  return [
    `writes: ${acknowledged} of ${sent} acknowledged, ${refused} refused by their precondition, ${unknown} unknown; ${reads} reads`,
    `lost ${lost.length} · refused and done all the same ${falselyRefused.length} · done twice, late, or epochs fallen ${breaches.length} · objects whose writes have no order ${disorder.writes.length}, that were told old ${disorder.stale.length}`,
  ];
}

/** How long a write may stay open after the end before its outcome counts as unknown, ms. */
const lastPatienceMs = 60_000;
const namespace = "chaos";

interface Sent {
  readonly record: string;
  readonly operation: string;
  /** Of objects: what the log says of it. */
  readonly mark: string | undefined;
  outcome: "acknowledged" | "refused" | "unknown";
}

export class ClusterWriters {
  readonly #options: WritersOptions;
  readonly #random: Random;
  readonly #stopping = new AbortController();
  readonly #giveUp = new AbortController();
  readonly #running: Promise<unknown>;
  readonly #acknowledged: Acknowledged[] = [];
  readonly #histories = new Map<string, Recorded<ObjectAction>[]>();
  readonly #sent: Sent[] = [];
  readonly #run: string;
  /** Of announcers: the operations of each one's writes, in their order. */
  readonly #announced = new Map<string, string[]>();
  #reads = 0;

  constructor(options: WritersOptions) {
    const { swappers, objects, announcers, seed } = options;
    this.#options = options;
    this.#random = seededRandom(seed);
    this.#run = `${process.pid}-${seed}`;
    const clients = [
      ...Array.from({ length: swappers }, (_, index) =>
        this.#swap(`swapper-${index}`, `object-${index % objects}`, index),
      ),
      ...Array.from({ length: announcers }, (_, index) => this.#announce(`announced-${index}`, index)),
    ];
    this.#running = Promise.all(clients);
  }

  get services(): readonly string[] {
    return Array.from({ length: this.#options.announcers }, (_, index) => `announced-${index}`);
  }

  /** Writes that were acknowledged, in the order of their answers. */
  get acknowledged(): readonly Acknowledged[] {
    return this.#acknowledged;
  }

  /** What the log says of a value that a swapper wrote. */
  static readonly mark = (value: unknown): string | undefined =>
    /"\/(value-[^"]+)"/.exec(JSON.stringify(value) ?? "")?.[1];

  async stop(history: StreamHistory): Promise<WrittenReport> {
    this.#stopping.abort();
    const patience = setTimeout(() => this.#giveUp.abort(), lastPatienceMs);
    await this.#running;
    clearTimeout(patience);
    await history.caughtUp();
    const named = (outcome: Sent["outcome"]) => this.#sent.filter((sent) => sent.outcome === outcome);
    const isThere = ({ record, operation, mark }: Sent) =>
      history.has(record, operation) && (mark === undefined || history.logged(record, mark) === 1);
    return {
      sent: this.#sent.length,
      acknowledged: named("acknowledged").length,
      reads: this.#reads,
      refused: named("refused").length,
      unknown: named("unknown").length,
      lost: named("acknowledged").flatMap((sent) => (isThere(sent) ? [] : [`${sent.record} ${sent.operation}`])),
      falselyRefused: named("refused").flatMap((sent) => (isThere(sent) ? [`${sent.record} ${sent.operation}`] : [])),
      breaches: [...history.breaches(), ...this.#late(history)],
      disorder: disorderOf(this.#histories),
    };
  }

  /** An announcer's write stands after all that it wrote before: what is late must not come back. */
  #late(history: StreamHistory): readonly string[] {
    return [...this.#announced].flatMap(([service, operations]) =>
      [`endpoints.${namespace}.${service}.chaos.0`, `service.${namespace}.${service}`].flatMap((record) => {
        const stand = operations.flatMap((operation) => {
          const sequence = history.sequenceOf(record, operation);
          return sequence === undefined ? [] : [{ operation, sequence }];
        });
        return stand.flatMap(({ operation, sequence }, at) => {
          const before = stand[at - 1];
          if (!before || before.sequence < sequence) return [];
          return [
            `${record}: ${before.operation} stands at ${before.sequence}, though ${operation} followed it, at ${sequence}`,
          ];
        });
      }),
    );
  }

  async #swap(writer: string, name: string, index: number): Promise<void> {
    const client = new CarefulClient(this.#options.apis, index);
    const path = `/v1/resources/AuthorizationPolicy/${namespace}/${name}`;
    const record = `object.authorizationpolicy.${namespace}.${name}`;
    const history = this.#histories.get(name) ?? [];
    this.#histories.set(name, history);
    let known: ObjectState = { generation: 0, value: "" };
    for (let count = 0; await this.#pace(); count++) {
      const calledMs = performance.now();
      const answer = (action: ObjectAction): void => {
        history.push({ action, calledMs, answeredMs: performance.now() });
      };
      if (this.#random.unit() < 0.4) {
        const saw = await this.#read(client, path, name);
        if (!saw) continue;
        answer({ kind: "read", saw });
        this.#reads++;
        known = saw;
        continue;
      }
      const value = `value-${writer}-${count}`;
      const swap = { kind: "swap", expected: known.generation, value } as const;
      const precondition: Record<string, string> =
        known.generation === 0 ? { "if-none-match": "*" } : { "if-match": `"${known.generation}"` };
      const call = { method: "PUT", path, body: policy(name, value), headers: precondition } as const;
      const { settled, sent } = await this.#write({ writer, client, record, mark: value, call });
      if (sent.outcome === "acknowledged") {
        answer(swap);
        known = { generation: swap.expected + 1, value };
      } else {
        // Refused after a silence, it may have been done, and forgotten by the record since.
        if (sent.outcome === "refused") answer({ kind: "refused swap", expected: swap.expected });
        else history.push({ action: swap, calledMs, answeredMs: undefined });
        const stands = /stands at generation (\d+)/.exec(JSON.stringify(settled))?.[1];
        known = { ...known, generation: stands === undefined ? known.generation : Number(stands) };
      }
    }
  }

  async #announce(service: string, index: number): Promise<void> {
    const client = new CarefulClient(this.#options.apis, index);
    const record = `endpoints.${namespace}.${service}.chaos.0`;
    const { portEvery = 4 } = this.#options;
    const operations: string[] = [];
    this.#announced.set(service, operations);
    for (let count = 1; await this.#pace(); count++) {
      const port = 20_000 + (Math.floor(count / portEvery) % 2);
      const body = JSON.stringify({
        ports: [{ name: "http", port, protocol: "http" }],
        endpoints: [{ id: `n${count}`, address: "127.0.0.1", ports: { http: 1 }, labels: { count: String(count) } }],
      });
      const call = { method: "PUT", path: `/v1/endpoints/${namespace}/${service}?source=chaos`, body } as const;
      const { sent } = await this.#write({ writer: service, client, record, mark: undefined, call });
      operations.push(sent.operation);
    }
  }

  async #write(write: {
    readonly writer: string;
    readonly client: CarefulClient;
    readonly record: string;
    readonly mark: string | undefined;
    readonly call: Call;
  }): Promise<{ readonly settled: Settled; readonly sent: Sent }> {
    const { writer, client, record, mark, call } = write;
    const key = `${this.#run}-${this.#sent.length}`;
    const sent: Sent = { record, operation: `call-${key}`, mark, outcome: "unknown" };
    this.#sent.push(sent);
    const calledMs = performance.now();
    const headers = { ...call.headers, "idempotency-key": key };
    const settled = await client.settle({ ...call, headers }, this.#giveUp.signal);
    if (settled.kind === "unknown") return { settled, sent };
    if (settled.status === 200) {
      sent.outcome = "acknowledged";
      this.#acknowledged.push({ writer, calledMs, answeredMs: performance.now(), failures: settled.failures });
    } else if (settled.status === 412) {
      sent.outcome = settled.afterSilence ? "unknown" : "refused";
    } else {
      throw new Error(`${call.method} ${call.path} answered ${settled.status}: ${JSON.stringify(settled.body)}`);
    }
    return { settled, sent };
  }

  /** Through a node that has caught up with the leader after the call. */
  async #read(client: CarefulClient, path: string, name: string): Promise<ObjectState | undefined> {
    const signal = this.#giveUp.signal;
    const dryRun = { method: "POST", path: "/v1/apply?dryRun=true", body: policy(name, "dry-run") } as const;
    const barrier = await client.settle(dryRun, signal);
    if (barrier.kind === "unknown") return undefined;
    const { revision } = barrier.body as { readonly revision: string };
    const read = await client.settle({ method: "GET", path: `${path}?atLeast=${revision}` }, signal);
    if (read.kind === "unknown") return undefined;
    if (read.status === 404) return { generation: 0, value: "" };
    const { metadata, spec } = read.body as {
      readonly metadata: { readonly generation: number };
      readonly spec: unknown;
    };
    return { generation: metadata.generation, value: ClusterWriters.mark(spec) ?? "" };
  }

  /** Waits for the client's turn. @returns whether it goes on. */
  async #pace(): Promise<boolean> {
    const { swappers, announcers, perSecond } = this.#options;
    const periodMs = ((swappers + announcers) / perSecond) * 1_000;
    await wait(jittered(this.#random, periodMs, 0.5), undefined, { signal: this.#stopping.signal }).catch(() => {});
    return !this.#stopping.signal.aborted;
  }
}

/** It selects nobody: what is measured is the store, not the proxies. */
function policy(name: string, value: string): string {
  return JSON.stringify({
    apiVersion: "security.mesh.io/v1",
    kind: "AuthorizationPolicy",
    metadata: { name, namespace },
    spec: {
      selector: { matchLabels: { app: "nobody" } },
      action: "DENY",
      rules: [{ to: [{ operation: { paths: [`/${value}`] } }] }],
    },
  });
}

export interface Gap {
  /** Longest time in which no write at all was acknowledged. */
  readonly allMs: number;
  /** Longest that one write took, of those that were open in the time; who, and how its attempts ended. */
  readonly oneMs: number;
  readonly one: string;
  readonly failures: readonly string[];
}

/** In the time from `fromMs` to `untilMs`. */
export function gapIn(acknowledged: readonly Acknowledged[], fromMs: number, untilMs: number): Gap {
  const inside = acknowledged.filter(({ answeredMs, calledMs }) => answeredMs >= fromMs && calledMs <= untilMs);
  const moments = [fromMs, ...inside.map(({ answeredMs }) => answeredMs).filter((ms) => ms < untilMs), untilMs];
  const allMs = Math.max(...moments.map((ms, at) => ms - (moments[at - 1] ?? ms)));
  const took = ({ calledMs, answeredMs }: Acknowledged): number => answeredMs - Math.max(calledMs, fromMs);
  const slowest = inside.reduce<Acknowledged | undefined>((a, b) => (a && took(a) >= took(b) ? a : b), undefined);
  return {
    allMs,
    oneMs: slowest ? took(slowest) : 0,
    one: slowest?.writer ?? "",
    failures: slowest?.failures ?? [],
  };
}

/** One of them, by chance. */
export function oneOf<T>(random: Random, among: readonly T[]): T {
  const found = among[integerIn(random, 0, among.length)];
  if (found === undefined) throw new Error("there is none");
  return found;
}
