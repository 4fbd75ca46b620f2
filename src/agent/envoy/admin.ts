/**
 * One Envoy's admin page: what the agent asks of it. Every question has a limit of time and size; no answer is an
 * ordinary value (undefined), since an Envoy may be starting, ending or dead. One connection is kept for all questions.
 */
import { Agent, request } from "node:http";
import type { LocalAddress } from "../../model/workload.ts";
import type { Clock } from "../../platform/clock.ts";
import { type Decode, type Decoded, integer, list, object, parsed, parseJson, text } from "../../platform/decode.ts";
import { limits } from "../../platform/limits.ts";
import { printAddress } from "../workloads.ts";

/** Envoy prints 64-bit numbers as text, and leaves zero out. */
const count: Decode<number> = (value, path) =>
  typeof value === "number" ? value : parsed("a number", (digits) => Number(digits))(value, path);

const socketAddress = object({ address: text(), port_value: integer(0, 65_535) });

const clustersPage = object(
  {},
  {
    cluster_statuses: list(
      object(
        { name: text() },
        {
          host_statuses: list(
            object(
              { address: object({}, { socket_address: socketAddress }) },
              { stats: list(object({ name: text() }, { value: count })) },
            ),
          ),
        },
      ),
    ),
  },
);

const statsPage = object({}, { stats: list(object({}, { name: text(), value: count })) });

const listenersPage = object(
  {},
  {
    listener_statuses: list(object({ name: text() }, { local_address: object({}, { socket_address: socketAddress }) })),
  },
);

const serverPage = object({ state: text() });

export type ClustersPage = Decoded<typeof clustersPage>;
/** Statistic → its value. Histograms are left out. */
export type Statistics = ReadonlyMap<string, number>;

export class EnvoyAdmin {
  readonly #clock: Clock;
  readonly #at: LocalAddress;
  readonly #connection = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(clock: Clock, at: LocalAddress) {
    this.#clock = clock;
    this.#at = at;
  }

  /** No more questions. */
  close(): void {
    this.#connection.destroy();
  }

  /** Whether the server has ended its initialization: CDS and LDS answered, nothing of them warming any more. */
  async live(): Promise<boolean> {
    const page = await this.#page("/server_info", serverPage);
    return page?.state === "LIVE";
  }

  /** Ports that active listeners are bound to, by address:port. */
  async listening(): Promise<ReadonlySet<string>> {
    const page = await this.#page("/listeners?format=json", listenersPage);
    const bound = (page?.listener_statuses ?? []).flatMap(({ local_address }) => local_address?.socket_address ?? []);
    return new Set(bound.map(({ address, port_value }) => printAddress({ address, port: port_value })));
  }

  clusters(): Promise<ClustersPage | undefined> {
    return this.#page("/clusters?format=json", clustersPage);
  }

  /** @param filter RE2, matched anywhere in the name. */
  async statistics(filter: string): Promise<Statistics | undefined> {
    const page = await this.#page(`/stats?format=json&filter=${encodeURIComponent(filter)}`, statsPage);
    if (!page) return undefined;
    const named = (page.stats ?? []).flatMap(({ name, value = 0 }) =>
      name === undefined ? [] : [[name, value] as const],
    );
    return new Map(named);
  }

  /** New requests are told to go elsewhere (HTTP/1 `connection: close`, HTTP/2 GOAWAY); open ones end in peace. */
  async drain(): Promise<void> {
    await this.#ask("POST", "/healthcheck/fail");
    await this.#ask("POST", "/drain_listeners?graceful");
  }

  async #page<T>(path: string, decode: Decode<T>): Promise<T | undefined> {
    const body = await this.#ask("GET", path);
    try {
      return body === undefined ? undefined : parseJson(body, decode, `Envoy's ${path}`);
    } catch {
      return undefined;
    }
  }

  #ask(method: "GET" | "POST", path: string): Promise<string | undefined> {
    const { address: host, port } = this.#at;
    return new Promise((resolve) => {
      const sent = request({ host, port, method, path, agent: this.#connection }, (response) => {
        const parts: Buffer[] = [];
        let size = 0;
        response.on("data", (part: Buffer) => {
          size += part.length;
          if (size > limits.proxyAdminBytes) response.destroy();
          else parts.push(part);
        });
        response.on("end", () =>
          resolve(response.statusCode === 200 ? Buffer.concat(parts).toString("utf8") : undefined),
        );
        response.on("close", () => resolve(undefined));
      });
      const timer = this.#clock.after(limits.proxyAdminMs, () => sent.destroy());
      sent.on("error", () => resolve(undefined));
      sent.on("close", () => {
        timer.cancel();
        resolve(undefined);
      });
      sent.end();
    });
  }
}
