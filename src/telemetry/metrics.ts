/**
 * The control plane's own metrics, for Prometheus, in the field's words. Other rooms know none of this: the wiring hands
 * them small functions. Gauges are read when they are scraped.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Read at each scrape. */
export interface Readings {
  readonly connectedProxies: () => number;
  readonly layers: () => number;
  readonly layerBytes: () => number;
  readonly replicaRecords: () => number;
  readonly actors: () => number;
}

export class Metrics {
  readonly #registry = new Registry();
  readonly pushes = this.#counter("weft_xds_pushes_total", "xDS responses sent", ["type"]);
  readonly refusals = this.#counter("weft_xds_refusals_total", "xDS responses that a proxy refused (NACK)", ["type"]);
  readonly pushedBytes = this.#counter("weft_xds_pushed_bytes_total", "Bytes of xDS responses sent", ["type"]);
  readonly recomputations = this.#counter("weft_compile_recomputations_total", "Nodes compiled again", ["node"]);
  readonly appends = this.#counter("weft_store_appends_total", "Store writes by outcome", ["stream", "outcome"]);
  readonly turns = this.#counter("weft_actor_turns_total", "Actor turns by kind and outcome", ["kind", "outcome"]);
  readonly issued = this.#counter("weft_certificates_issued_total", "SVIDs signed", ["for"]);
  readonly applies = this.#counter("weft_api_applies_total", "Applies by result", ["result"]);
  readonly #convergence = new Histogram({
    name: "weft_xds_convergence_seconds",
    help: "From a committed change reaching this node to a proxy's acknowledgement of it",
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [this.#registry],
  });

  constructor(readings: Readings) {
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 10 });
    this.#gauge("weft_xds_connected_proxies", "Proxies with a live xDS stream on this node", readings.connectedProxies);
    this.#gauge("weft_compile_layers", "Shared layers of configuration held", readings.layers);
    this.#gauge("weft_compile_layer_bytes", "Encoded bytes held by all layers", readings.layerBytes);
    this.#gauge("weft_replica_records", "Records in this node's replica", readings.replicaRecords);
    this.#gauge("weft_actors_active", "Actors active on this node", readings.actors);
  }

  converged(milliseconds: number): void {
    this.#convergence.observe(milliseconds / 1_000);
  }

  text(): Promise<string> {
    return this.#registry.metrics();
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
}
