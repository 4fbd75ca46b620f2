/**
 * All connected proxies and the layers they are served from. `apply` is the one way in for changes: it marks what each
 * concerned stream owes, then they have their turns (rounds.ts).
 * Called by meshd (apply, waitDistributed, statuses) and by server.ts (open, close).
 */
import type { LayerChange, LayerKey, Position } from "../compile/layer.ts";
import type { EncodedResource, ResourceType } from "../envoy/resource.ts";
import type { Clock } from "../platform/clock.ts";
import { limits } from "../platform/limits.ts";
import { Arrivals } from "./arrivals.ts";
import { Delta, type Dialect } from "./dialect.ts";
import { type Distributed, Distribution } from "./distribution.ts";
import { FrameEncoder } from "./frame.ts";
import type { Violation } from "./interest.ts";
import { type BeforeChange, LayerStore } from "./layers.ts";
import { silentObserver, type XdsObserver } from "./observer.ts";
import type { DeltaRequest } from "./request.ts";
import { Rounds } from "./rounds.ts";
import { Stack } from "./stack.ts";
import { ProxyStream, type StreamStatus, type Wire } from "./stream.ts";
import { SubscriptionIndex } from "./subscription.ts";

export interface FleetOptions {
  readonly clock: Clock;
  readonly observer?: XdsObserver;
}

export class Fleet {
  readonly #clock: Clock;
  readonly #observer: XdsObserver;
  readonly #store = new LayerStore();
  readonly #index = new SubscriptionIndex<ProxyStream>();
  readonly #encoder = new FrameEncoder();
  readonly #delta = new Delta();
  readonly #streams = new Set<ProxyStream>();
  readonly #distribution = new Distribution(this.#store.step.position);
  /** Streams that owe something and have not had their turn. */
  readonly #due: Rounds<ProxyStream>;
  /** Those to come: of all listeners, as they share one event loop with those that are here. */
  readonly arrivals: Arrivals;

  constructor(options: FleetOptions) {
    this.#clock = options.clock;
    this.#observer = options.observer ?? silentObserver;
    this.arrivals = new Arrivals(options.clock);
    this.#due = new Rounds({
      clock: options.clock,
      sliceMs: () => (this.arrivals.waiting > 0 ? limits.xdsSliceAmongArrivalsMs : limits.xdsSliceMs),
      serve: (stream) => {
        stream.advance();
        this.#distribution.moved(stream);
      },
    });
  }

  /** False until the first `apply`: an empty configuration must reach nobody. */
  get ready(): boolean {
    return this.#store.step.number > 0;
  }

  get position(): Position {
    return this.#store.step.position;
  }

  size(): { readonly streams: number; readonly layers: number; readonly resources: number; readonly bytes: number } {
    return { streams: this.#streams.size, ...this.#store.size() };
  }

  /** All changes up to `position`, in one step. A position may pass without a change. */
  apply(changes: readonly LayerChange<EncodedResource>[], position: Position): void {
    let concerned = false;
    const before: BeforeChange = (layer, type, name) => {
      this.#index.concerned(layer, type, name, (stream) => {
        concerned = true;
        stream.touch(type, name);
        this.#due.add(stream);
      });
    };
    const step = this.#store.apply(changes, position, { nowMs: this.#clock.monotonicMs(), before });
    this.#distribution.applied(step.position);
    if (concerned) this.arrivals.giveWay();
    this.#due.begin();
  }

  open(options: {
    readonly proxy: string;
    readonly layers: readonly LayerKey[];
    readonly wire: Wire;
    /** Default: delta. */
    readonly dialect?: Dialect;
  }): ProxyStream {
    const stream = new ProxyStream({
      dialect: this.#delta,
      ...options,
      store: this.#store,
      index: this.#index,
      encoder: this.#encoder,
      clock: this.#clock,
      observer: this.#observer,
      owesMore: (stream) => {
        this.#due.add(stream);
        this.#due.beginApart();
      },
    });
    this.#streams.add(stream);
    this.#distribution.opened(stream);
    this.#observer.streams(1);
    return stream;
  }

  receive(stream: ProxyStream, request: DeltaRequest): Violation | undefined {
    const violation = stream.receive(request);
    this.#distribution.moved(stream);
    return violation;
  }

  close(stream: ProxyStream): void {
    if (!this.#streams.delete(stream)) return;
    stream.close();
    this.#due.delete(stream);
    this.#distribution.closed(stream);
    this.#observer.streams(-1);
  }

  /** The proxy's layers are others now. */
  restack(stream: ProxyStream, layers: readonly LayerKey[]): void {
    stream.restack(layers);
    this.#due.add(stream);
    this.#due.begin();
  }

  /** Resolves when every connected proxy holds the position, or as soon as one has refused something of it. */
  waitDistributed(position: Position, signal?: AbortSignal): Promise<Distributed> {
    return this.#distribution.wait(position, signal);
  }

  /** Names of the connected proxies that do not hold the position. */
  lacking(position: Position): string[] {
    return this.#distribution.lacking(position);
  }

  /** Names of the connected proxies. */
  *proxies(): Iterable<string> {
    for (const { proxy } of this.#streams) yield proxy;
  }

  statuses(): StreamStatus[] {
    return [...this.#streams].map((stream) => stream.status());
  }

  /** What a proxy with these layers is to hold of a type: what it is served, short of what it refuses. */
  resources(layers: readonly LayerKey[], type: ResourceType): EncodedResource[] {
    const stack = new Stack(this.#store, layers);
    const found = [...stack.names(type)].map((name) => stack.resolve(type, name)?.resource);
    return found.filter((resource) => resource !== undefined);
  }
}
