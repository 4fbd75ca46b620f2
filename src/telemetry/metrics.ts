/**
 * The control plane's own metrics, for Prometheus, in the field's words. Other rooms know none of this: the wiring hands
 * them small functions. What somebody else counts already is read when it is scraped.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

type Counts = Readonly<Record<string, number>>;

/** Go through every open connection at each scrape: 10 ms of the event loop with 1,500 proxies. */
const eachHandle = ["handles", "requests", "resources"].flatMap((of) => [
  `nodejs_active_${of}`,
  `nodejs_active_${of}_total`,
]);

/** Read at each scrape. */
export interface Readings {
  readonly connectedProxies: () => number;
  readonly layers: () => number;
  readonly layerBytes: () => number;
  readonly replicaRecords: () => number;
  readonly actors: () => number;
  /** What actors did, by event. */
  readonly actorCounts: () => Counts;
  /** Batches of SVIDs, by what became of them; `waiting` rises and falls. */
  readonly signTasks: () => {
    readonly completed: number;
    readonly failed: number;
    readonly refused: number;
    readonly waiting: number;
  };
  /** Changes that are held back from the proxies, by reason; and how often holding began. */
  readonly held: () => Counts;
  readonly holds: () => Counts;
  /** Store writes by stream and outcome. */
  readonly appends: () => Readonly<Record<string, Counts>>;
}

/** How good this node's copy of the truth is, and what came of it; counters. */
export interface CopyReadings {
  /** With other nodes, by stream and outcome. */
  readonly comparisons: () => Readonly<Record<string, Counts>>;
  /** Readings anew, by why. */
  readonly rereads: () => Counts;
  /** New xDS streams, by whether the copy was good enough. */
  readonly streams: () => Counts;
}

export class Metrics {
  readonly #registry = new Registry();
  readonly #pushes = this.#counter("weft_xds_pushes_total", "xDS responses sent", ["type"]);
  readonly refusals = this.#counter("weft_xds_refusals_total", "xDS responses that a proxy refused (NACK)", ["type"]);
  readonly #pushedBytes = this.#counter("weft_xds_pushed_bytes_total", "Bytes of xDS responses sent", ["type"]);
  readonly recomputations = this.#counter("weft_compile_recomputations_total", "Nodes compiled again", ["node"]);
  readonly #pushed = new Map<string, { readonly pushes: Counter.Internal; readonly bytes: Counter.Internal }>();
  readonly #acknowledgement = this.#seconds(
    "weft_xds_acknowledgement_seconds",
    "From a response handed to a proxy's stream to the proxy's acknowledgement of it",
  );
  readonly #convergence = this.#seconds(
    "weft_xds_convergence_seconds",
    "From a change of this node's configuration to one proxy's acknowledgement of it",
  );

  constructor(readings: Readings) {
    // The time between two looks, in ms: by up to this, what is read as the event loop's lag is too long. Each look wakes an
    // idle process: with 5 ms they cost a percent of a core.
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 20 });
    for (const name of eachHandle) this.#registry.removeSingleMetric(name);
    this.#gauge("weft_xds_connected_proxies", "Proxies with a live xDS stream on this node", readings.connectedProxies);
    this.#gauge("weft_compile_layers", "Shared layers of configuration held", readings.layers);
    this.#gauge("weft_compile_layer_bytes", "Encoded bytes held by all layers", readings.layerBytes);
    this.#gauge("weft_replica_records", "Objects and workloads in this node's replica", readings.replicaRecords);
    this.#gauge("weft_actors_active", "Actors active on this node", readings.actors);
    this.#gauge("weft_workers_waiting", "Tasks waiting for a worker thread", () => readings.signTasks().waiting);
    this.#readCounter("weft_actor_events_total", "What actors did", ["event"], () =>
      Object.entries(readings.actorCounts()).map(([event, count]) => [{ event }, count]),
    );
    this.#readCounter("weft_holds_total", "Times that changes began to be held back", ["reason"], () =>
      Object.entries(readings.holds()).map(([reason, count]) => [{ reason }, count]),
    );
    this.#gauges("weft_held_changes", "Changes held back from the proxies now", "reason", readings.held);
    this.#readCounter("weft_sign_tasks_total", "Batches of SVIDs given to the workers", ["outcome"], () => {
      const { completed, failed, refused } = readings.signTasks();
      return Object.entries({ completed, failed, refused }).map(([outcome, count]) => [{ outcome }, count]);
    });
    this.#readCounter("weft_store_appends_total", "Store writes by outcome", ["stream", "outcome"], () =>
      Object.entries(readings.appends()).flatMap(([stream, outcomes]) =>
        Object.entries(outcomes).map(([outcome, count]) => [{ stream, outcome }, count] as const),
      ),
    );
  }

  watchCopy({ comparisons, rereads, streams }: CopyReadings): void {
    this.#readCounter(
      "weft_replica_comparisons_total",
      "Checksums compared with other nodes",
      ["stream", "outcome"],
      () =>
        Object.entries(comparisons()).flatMap(([stream, outcomes]) =>
          Object.entries(outcomes).map(([outcome, count]) => [{ stream, outcome }, count] as const),
        ),
    );
    this.#readCounter("weft_replica_rereads_total", "Streams read anew because the copy was in doubt", ["doubt"], () =>
      Object.entries(rereads()).map(([doubt, count]) => [{ doubt }, count]),
    );
    this.#readCounter(
      "weft_xds_admissions_total",
      "New xDS streams by how current this node's copy was",
      ["copy"],
      () => Object.entries(streams()).map(([copy, count]) => [{ copy }, count]),
    );
  }

  /** New streams that stand in line for their first configuration, how many are given theirs at a time, and who comes behind them. */
  watchArrivals(arrivals: { readonly waiting: number; readonly seats: number }, connections: () => number): void {
    this.#gauge("weft_xds_waiting_connections", "xDS connections accepted and not read yet", connections);
    this.#gauge("weft_xds_waiting_streams", "New xDS streams waiting for their turn", () => arrivals.waiting);
    this.#gauge("weft_xds_seats", "New xDS streams served at a time", () => arrivals.seats);
  }

  /** An xDS response was sent. One change is thousands of these, so each type's counters are looked up once. */
  pushed(type: string, bytes: number): void {
    let counters = this.#pushed.get(type);
    if (!counters) {
      counters = { pushes: this.#pushes.labels({ type }), bytes: this.#pushedBytes.labels({ type }) };
      this.#pushed.set(type, counters);
    }
    counters.pushes.inc();
    counters.bytes.inc(bytes);
  }

  /** @param sinceMs since the change that the response brought; undefined: it brought what a new stream asked for. */
  acknowledged(ms: number, sinceMs: number | undefined): void {
    this.#acknowledgement.observe(ms / 1_000);
    if (sinceMs !== undefined) this.#convergence.observe(sinceMs / 1_000);
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #seconds(name: string, help: string): Histogram {
    const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
    return new Histogram({ name, help, buckets, registers: [this.#registry] });
  }

  #counter<Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read());
      },
    });
  }

  #gauges(name: string, help: string, label: string, read: () => Counts): void {
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [value, count] of Object.entries(read())) this.set({ [label]: value }, count);
      },
    });
  }

  /** A counter that somebody else keeps. */
  #readCounter<Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    read: () => readonly (readonly [labels: Record<Label, string>, count: number])[],
  ): void {
    new Counter({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [labels, count] of read()) this.inc(labels, count);
      },
    });
  }
}
