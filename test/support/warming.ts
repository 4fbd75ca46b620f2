/** Looks at Envoys' own dumps, again and again, for clusters and listeners that warm, and for how long each version does. */
const lookMs = 100;

interface Dump {
  readonly configs?: readonly {
    readonly version_info?: string;
    readonly name?: string;
    readonly cluster?: { readonly name?: string };
    readonly warming_state?: { readonly version_info?: string };
  }[];
}

export interface Warmed {
  readonly longestMs: number;
  /** What it was. */
  readonly longest: string;
}

export class Warming {
  readonly #admins: readonly string[];
  readonly #since = new Map<string, number>();
  #longest: Warmed = { longestMs: 0, longest: "" };
  #running: Promise<void> | undefined;
  #stopping = false;

  constructor(admins: readonly string[]) {
    this.#admins = admins;
  }

  async start(): Promise<void> {
    for (const admin of this.#admins) {
      // Or nothing would ever be seen to warm.
      const active = await read(`http://${admin}/config_dump?resource=dynamic_active_clusters`);
      if (!active.configs?.[0]?.cluster?.name)
        throw new Error(`the Envoy at ${admin} does not say which clusters it has`);
    }
    this.#running = this.#run();
  }

  async stop(): Promise<Warmed> {
    this.#stopping = true;
    await this.#running;
    return this.#longest;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      await Promise.all(this.#admins.map((admin) => this.#look(admin)));
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
  }

  async #look(admin: string): Promise<void> {
    const [clusters, listeners] = await Promise.all([
      read(`http://${admin}/config_dump?resource=dynamic_warming_clusters`),
      read(`http://${admin}/config_dump?resource=dynamic_listeners`),
    ]);
    const nowMs = performance.now();
    const warm = [
      ...(clusters.configs ?? []).map(({ cluster, version_info }) => `cluster ${cluster?.name} ${version_info}`),
      ...(listeners.configs ?? []).flatMap(({ name, warming_state }) =>
        warming_state ? [`listener ${name} ${warming_state.version_info}`] : [],
      ),
    ].map((what) => `${what} at ${admin}`);
    for (const what of warm) {
      const sinceMs = this.#since.get(what) ?? nowMs;
      this.#since.set(what, sinceMs);
      if (nowMs - sinceMs > this.#longest.longestMs) this.#longest = { longestMs: nowMs - sinceMs, longest: what };
    }
    for (const what of this.#since.keys()) {
      if (what.endsWith(` at ${admin}`) && !warm.includes(what)) this.#since.delete(what);
    }
  }
}

async function read(url: string): Promise<Dump> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
  // Envoy answers 404 when it has none.
  if (!response?.ok) return {};
  return (await response.json()) as Dump;
}
