/**
 * Tells the policy actors of refusals: each host's word on each version once, however many proxies it has. Only of proxies
 * whose host is known, by their workload's record, and that had taken something of the kind before: one that refuses
 * everything says more about itself.
 */
import type { ObjectVersion } from "../../actors/kinds/policy.ts";
import { limits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import type { RecordKey } from "../../store/store.ts";
import type { RefusedResponse } from "../../xds/observer.ts";
import type { Quarantine } from "./quarantine.ts";

export interface Refusal {
  readonly host: string;
  readonly version: ObjectVersion;
  readonly resource: string;
  readonly because: string;
}

export interface RefusalsOptions {
  readonly quarantine: Pick<Quarantine, "suspects">;
  readonly hostOf: (proxy: string) => string | undefined;
  readonly tell: (key: RecordKey, refusal: Refusal) => Promise<void>;
  readonly log: Logger;
}

export class Refusals {
  readonly #options: RefusalsOptions;
  /** What was told, or is being told; the oldest first. */
  readonly #told = new Set<string>();

  constructor(options: RefusalsOptions) {
    this.#options = options;
  }

  refused({ proxy, names: [name = ""], type, because, since }: RefusedResponse): void {
    const host = since && this.#options.hostOf(proxy);
    if (!since || !host) return;
    for (const { key, version } of this.#options.quarantine.suspects(since)) {
      const said = { host, version, resource: `${type} ${name}`.slice(0, 1_024), because: because.slice(0, 1_024) };
      void this.#tell(key, said);
    }
  }

  async #tell(key: RecordKey, refusal: Refusal): Promise<void> {
    const { host, version } = refusal;
    const word = `${key} ${version.incarnation}-${version.sequence} ${host}`;
    if (this.#told.has(word)) return;
    this.#told.add(word);
    for (const oldest of this.#told) {
      if (this.#told.size <= limits.refusalsRemembered) break;
      this.#told.delete(oldest);
    }
    try {
      await this.#options.tell(key, refusal);
    } catch (cause) {
      // The next proxy's refusal, or the same one's on its next stream, tells it again.
      this.#told.delete(word);
      this.#options.log.warn("refusal not told", { key, host, because: String(cause) });
    }
  }
}
