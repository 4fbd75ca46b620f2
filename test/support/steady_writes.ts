/**
 * Writers that go on through whatever breaks: each has a service of its own and changes its ports and its endpoint again
 * and again, so that every write takes a turn of the service's actor and a record of endpoints. A write is repeated, at
 * the next node, until it is acknowledged; how long that took is what it cost.
 */
import { setTimeout as wait } from "node:timers/promises";

/** How long one call may take before it is made again at another node, ms: a frozen process accepts and never answers. */
const callMs = 1_000;
const pauseMs = 20;

export interface WriteReport {
  readonly acknowledged: number;
  /** Longest from the first attempt at a write to its acknowledgement. */
  readonly longestMs: number;
  /** How the attempts at that write ended, but the last. */
  readonly longest: readonly string[];
  /** What was acknowledged and is not there. */
  readonly lost: readonly string[];
}

interface Writer {
  readonly service: string;
  last: number;
  acknowledged: number;
  longestMs: number;
  longest: readonly string[];
}

export interface SteadyOptions {
  /** Begins the services' names. */
  readonly prefix?: string;
  /** Sent with every call. */
  readonly headers?: Readonly<Record<string, string>>;
}

export class SteadyWrites {
  readonly #apis: string[];
  readonly #headers: Readonly<Record<string, string>>;
  readonly #writers: readonly Writer[];
  readonly #stopping = new AbortController();
  readonly #running: Promise<unknown>;

  /** @param apis URLs of the nodes' APIs, asked in turn. */
  constructor(apis: readonly string[], services: number, { prefix = "steady", headers = {} }: SteadyOptions = {}) {
    this.#apis = [...apis];
    this.#headers = headers;
    this.#writers = Array.from({ length: services }, (_, index) => ({
      service: `${prefix}-${index}`,
      last: 0,
      acknowledged: 0,
      longestMs: 0,
      longest: [],
    }));
    this.#running = Promise.all(this.#writers.map((writer, index) => this.#write(writer, index)));
  }

  /** A node was started again, and its API has another URL. */
  moved(from: string, to: string): void {
    this.#apis.splice(this.#apis.indexOf(from), 1, to);
  }

  /** Resolves when what is under way is acknowledged and all that was has been read again. */
  async stop(): Promise<WriteReport> {
    this.#stopping.abort();
    await this.#running;
    const lost = await Promise.all(this.#writers.map((writer) => this.#isThere(writer)));
    const [slowest] = [...this.#writers].sort((a, b) => b.longestMs - a.longestMs);
    return {
      longestMs: slowest?.longestMs ?? 0,
      longest: slowest?.longest ?? [],
      acknowledged: this.#writers.reduce((sum, { acknowledged }) => sum + acknowledged, 0),
      lost: this.#writers.flatMap(({ service, last }, index) => (lost[index] ? [] : [`${service} ${last}`])),
    };
  }

  async #write(writer: Writer, index: number): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const number = writer.last + 1;
      const fromMs = performance.now();
      const attempts: string[] = [];
      for (let attempt = index; ; attempt++) {
        const failed = await this.#put(writer.service, number, attempt);
        if (failed === undefined) break;
        attempts.push(`${Math.round(performance.now() - fromMs)} ms: ${failed}`);
        await wait(pauseMs);
      }
      writer.last = number;
      writer.acknowledged++;
      const tookMs = performance.now() - fromMs;
      if (tookMs > writer.longestMs) Object.assign(writer, { longestMs: tookMs, longest: attempts });
      await wait(2 * pauseMs);
    }
  }

  /** @returns why it was not acknowledged. */
  async #put(service: string, number: number, attempt: number): Promise<string | undefined> {
    const api = this.#apis[attempt % this.#apis.length];
    const port = 20_000 + (number % 2);
    const body = JSON.stringify({
      ports: [{ name: "http", port, protocol: "http" }],
      endpoints: [{ id: `n${number}`, address: "127.0.0.1", ports: { http: 1 }, labels: { number: String(number) } }],
    });
    try {
      const signal = AbortSignal.timeout(callMs);
      const url = `${api}/v1/endpoints/default/${service}?source=test`;
      const response = await fetch(url, { method: "PUT", body, signal, headers: this.#headers });
      return response.ok ? undefined : `${response.status} ${(await response.text()).slice(0, 200)}`;
    } catch (cause) {
      return cause instanceof Error ? cause.message : String(cause);
    }
  }

  /** Its last write is what every node's copy says: the ports it claimed. */
  async #isThere({ service, last }: Writer): Promise<boolean> {
    const seen = await Promise.all(
      this.#apis.map(async (api) => {
        const response = await fetch(`${api}/v1/resources/Service/default/${service}`, { headers: this.#headers });
        const { status } = (await response.json()) as { readonly status?: { readonly ports?: unknown } };
        return JSON.stringify(status?.ports);
      }),
    );
    return seen.every((ports) => ports === JSON.stringify([`${20_000 + (last % 2)}/http`]));
  }
}
