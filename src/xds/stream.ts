/**
 * One proxy's stream: a Session with its timers, its flow control and its place in the subscription index. Made by
 * fleet.ts when the proxy is known; speaks to the wire through `Wire`.
 */
import type { LayerKey, Position } from "../compile/layer.ts";
import type { ResourceType } from "../envoy/resource.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import { limits } from "../platform/limits.ts";
import type { Dialect } from "./dialect.ts";
import type { Holder } from "./distribution.ts";
import type { FrameEncoder } from "./frame.ts";
import type { Generation } from "./generation.ts";
import type { Violation } from "./interest.ts";
import type { LayerStore } from "./layers.ts";
import type { XdsObserver } from "./observer.ts";
import type { DeltaRequest } from "./request.ts";
import { type Received, Session, type TypeStatus } from "./session.ts";
import { Stack } from "./stack.ts";
import { reaches } from "./step.ts";
import type { SubscriptionIndex } from "./subscription.ts";
import type { Refusal } from "./type_state.ts";
import { perType, typeOfUrl } from "./type_url.ts";

/** The answer to what cannot be said. */
const unspoken: DeltaRequest = {
  node: undefined,
  typeUrl: "",
  subscribe: [],
  unsubscribe: [],
  initialVersions: new Map(),
  nonce: "",
  error: undefined,
};

export interface Wire {
  /** Hands on one response, framed for gRPC; `flushed` is called when the peer's windows have taken it. */
  write(frame: Buffer, flushed: () => void): void;
}

export interface StreamOptions {
  readonly proxy: string;
  readonly layers: readonly LayerKey[];
  readonly wire: Wire;
  readonly store: LayerStore;
  readonly index: SubscriptionIndex<ProxyStream>;
  readonly encoder: FrameEncoder;
  readonly dialect: Dialect;
  readonly clock: Clock;
  readonly observer: XdsObserver;
  /** What was on its way has been taken, and changed endpoints are owed: called for the stream's next turn. */
  readonly owesMore: (stream: ProxyStream) => void;
}

/** Which of a proxy's four types; the API's words for them. */
const apiNames = { cluster: "cds", endpoints: "eds", listener: "lds", route: "rds" } as const;
type ApiName = (typeof apiNames)[ResourceType];

export interface StreamStatus {
  readonly proxy: string;
  readonly types: Readonly<Record<ApiName, TypeStatus>>;
  /** What it took whole, refusing nothing of it. records -1: not yet anything. */
  readonly position: Position;
}

export class ProxyStream implements Holder {
  readonly proxy: string;
  readonly #session: Session;
  readonly #options: StreamOptions;
  /** When the response on its way was handed to the wire. */
  readonly #sentAtMs: Record<ResourceType, number> = perType(() => Number.NaN);
  #unflushedBytes = 0;
  /** Responses refused since one was taken. */
  #refusals = 0;
  #pausing: Timer | undefined;
  #expiry: { readonly generation: Generation; readonly timer: Timer } | undefined;
  #closed = false;

  constructor(options: StreamOptions) {
    this.proxy = options.proxy;
    this.#options = options;
    const { store, index } = options;
    this.#session = new Session({
      stack: new Stack(store, options.layers),
      currentStep: () => store.step,
      port: {
        addName: (type, name) => index.addName(type, name, this),
        removeName: (type, name) => index.removeName(type, name, this),
        addNames: (type, names) => index.addNames(type, names, this),
        addWildcard: (type) => index.addWildcard(type, this.#session.stack.keys, this),
        removeWildcard: (type) => index.removeWildcard(type, this.#session.stack.keys, this),
      },
    });
  }

  sees(layer: LayerKey): boolean {
    return this.#session.stack.has(layer);
  }

  touch(type: ResourceType, name: string): void {
    this.#session.touch(type, name);
  }

  receive(request: DeltaRequest): Violation | undefined {
    const received = this.#session.receive(request);
    this.#report(received);
    if (received.kind === "violation") return received.violation;
    if (received.kind === "acknowledged") this.#refusals = 0;
    if (received.kind === "refused") this.#refusals++;
    if (received.kind === "acknowledged" && this.#session.owesChangedEndpointsAlone) this.#options.owesMore(this);
    else this.advance();
    return undefined;
  }

  /** Sends what can be sent, unless the peer has not taken what was sent before. */
  advance(): void {
    if (this.#closed || this.#isFull || this.#isPausing()) return;
    this.#send();
  }

  get #isFull(): boolean {
    return this.#unflushedBytes > limits.xdsUnflushedBytes;
  }

  #send(): void {
    for (let said = this.#sendAll(); said === "less"; said = this.#sendAll());
    this.#watchGeneration();
  }

  /** A proxy that takes nothing at all is told the rest slowly: each of thousands of resources is refused alone. */
  #isPausing(): boolean {
    if (this.#refusals <= limits.xdsRefusalsAtOnce) return false;
    this.#pausing ??= this.#options.clock.after(limits.xdsRefusedPauseMs, () => {
      this.#pausing = undefined;
      if (!this.#isFull) this.#send();
    });
    return true;
  }

  /** @returns less: something needed no word, so that more can be sent. */
  #sendAll(): "all" | "less" {
    const { dialect, encoder, wire, observer, clock } = this.#options;
    let said: "all" | "less" = "all";
    for (const response of this.#session.advance()) {
      const bytes = dialect.encode(response, encoder);
      if (!bytes) {
        this.#session.receive({ ...unspoken, typeUrl: response.typeUrl, nonce: response.nonce });
        said = "less";
        continue;
      }
      const { length } = bytes;
      this.#unflushedBytes += length;
      const type = typeOfUrl(response.typeUrl);
      if (type) this.#sentAtMs[type] = clock.monotonicMs();
      observer.pushed(type ?? "other", length);
      wire.write(bytes, () => this.#flushed(length));
    }
    return said;
  }

  restack(layers: readonly LayerKey[]): void {
    const { index, store } = this.#options;
    const wildcards = [...this.#session.subscriptions()].filter(({ wildcard }) => wildcard);
    for (const { type } of wildcards) index.removeWildcard(type, this.#session.stack.keys, this);
    this.#session.restack(new Stack(store, layers));
    for (const { type } of wildcards) index.addWildcard(type, this.#session.stack.keys, this);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#expiry?.timer.cancel();
    this.#pausing?.cancel();
    const { index } = this.#options;
    for (const { type, wildcard, named } of this.#session.subscriptions()) {
      if (wildcard) index.removeWildcard(type, this.#session.stack.keys, this);
      index.removeSubscribed(type, named, this);
    }
  }

  get settled(): boolean {
    return this.#session.settled;
  }

  holds(position: Position): boolean {
    return reaches(this.#held(), position);
  }

  refusals(position: Position): Refusal[] {
    // A refusal of a later step says nothing about this position.
    return this.#session.refusals().filter((refusal) => !reaches(refusal.step.before, position));
  }

  status(): StreamStatus {
    const type = (name: ResourceType): TypeStatus => this.#session.status(name);
    const types = { cds: type("cluster"), eds: type("endpoints"), lds: type("listener"), rds: type("route") };
    return { proxy: this.proxy, types, position: this.#taken() };
  }

  #taken(): Position {
    const held = this.#held();
    const before = this.#session.refusals().map(({ step }) => step.before);
    return before.reduce((oldest, position) => (reaches(position, oldest) ? oldest : position), held);
  }

  #held(): Position {
    return this.#session.owed()?.before ?? this.#options.store.step.position;
  }

  #flushed(bytes: number): void {
    const wasFull = this.#isFull;
    this.#unflushedBytes -= bytes;
    if (wasFull) this.advance();
  }

  #report(received: Received): void {
    if (received.kind !== "acknowledged" && received.kind !== "refused") return;
    const { observer, clock } = this.#options;
    if (received.kind === "acknowledged") {
      const { type, step } = received;
      const nowMs = clock.monotonicMs();
      const sinceMs = step.atMs === undefined ? undefined : nowMs - step.atMs;
      observer.acknowledged(type, nowMs - this.#sentAtMs[type], sinceMs);
      return;
    }
    const { type, names, because, withheld, accepting } = received;
    const since = accepting && withheld ? { since: withheld.made.position } : {};
    observer.refused({ proxy: this.proxy, type, names, because, withheld: withheld !== undefined, ...since });
  }

  #watchGeneration(): void {
    const { generation } = this.#session;
    if (generation === this.#expiry?.generation) return;
    this.#expiry?.timer.cancel();
    this.#expiry = undefined;
    if (!generation) return;
    const timer = this.#options.clock.after(limits.xdsGenerationMs, () => {
      this.#session.expire(generation);
      this.advance();
    });
    this.#expiry = { generation, timer };
  }
}
