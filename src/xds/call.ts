/**
 * One gRPC call: from its first request, through identification, to its end. Turns bytes into requests for the stream
 * and the stream's responses into writes.
 */
import { status } from "@grpc/grpc-js";
import type { Node } from "#envoy/envoy/config/core/v3/base_pb.js";
import type { LayerKey } from "../compile/layer.ts";
import type { SpiffeId } from "../model/identity.ts";
import type { WorkloadName } from "../model/names.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import { limits } from "../platform/limits.ts";
import type { Random } from "../platform/random.ts";
import type { Arrival } from "./arrivals.ts";
import type { Connections } from "./connections.ts";
import type { Dialect } from "./dialect.ts";
import type { Fleet } from "./fleet.ts";
import type { EndCode, XdsObserver } from "./observer.ts";
import { peerOfCertificate } from "./peer.ts";
import type { CallListener, RawCall } from "./raw_call.ts";
import type { DeltaRequest } from "./request.ts";
import type { ProxyStream } from "./stream.ts";

/** What the connection proved. `plaintext`: nothing. */
export type Peer = { readonly spiffeId: SpiffeId; readonly certificateNotAfterMs: number } | "plaintext";

/** What the proxy says of itself; over mTLS only `id` counts, as the name of its workload record. */
export interface NodeClaim {
  readonly id: string;
  readonly cluster: string;
  /** Node.metadata as JSON. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly locality: { readonly region: string; readonly zone: string };
}

export type Identified =
  | { readonly kind: "proxy"; readonly proxy: WorkloadName; readonly layers: readonly LayerKey[] }
  | {
      readonly kind: "refused";
      /** unavailable: not now, or not here; the proxy should try again. */
      readonly code: "unauthenticated" | "permission-denied" | "unavailable";
      readonly because: string;
    };

/** Given by meshd, which knows the workload records. */
export interface Identities {
  /** Answers a promise only if it has to wait, for example until the proxy's own layers are compiled. */
  identify(peer: Peer, node: NodeClaim): Identified | Promise<Identified>;
  /** Registers who wants to know that some proxies' answers from `identify` may be others now. Called once. */
  onLayersChanged(listener: (isConcerned: (proxy: WorkloadName) => boolean) => void): void;
}

/** Whether a new stream may begin here now. undefined: it may; else why the proxy should turn to another node. */
export type StreamAdmission = () => Promise<string | undefined>;

export interface CallContext {
  readonly fleet: Fleet;
  /** Asked once for each stream; absent: all may. */
  readonly admission?: StreamAdmission | undefined;
  readonly identities: Identities;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: XdsObserver;
  readonly kind: "mtls" | "plaintext";
  readonly connections: Connections;
  readonly ended: (call: AdsCall) => void;
}

const statuses: Readonly<Record<EndCode, status>> = {
  unauthenticated: status.UNAUTHENTICATED,
  "permission-denied": status.PERMISSION_DENIED,
  "invalid-argument": status.INVALID_ARGUMENT,
  "resource-exhausted": status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
  internal: status.INTERNAL,
};

interface Known {
  readonly peer: Peer;
  readonly node: NodeClaim;
  readonly proxy: WorkloadName;
  readonly stream: ProxyStream;
}

export class AdsCall implements CallListener {
  readonly #call: RawCall;
  readonly #context: CallContext;
  readonly #dialect: Dialect;
  #known: Known | undefined;
  #timer: Timer;
  /** From its first request until it has taken its first configuration, or has lost its seat. */
  #arrival: Arrival | undefined;
  #open = true;

  constructor(call: RawCall, context: CallContext, dialect: Dialect) {
    this.#dialect = dialect;
    this.#call = call;
    this.#context = context;
    const because = `no request within ${limits.xdsFirstRequestMs} ms`;
    this.#timer = context.clock.after(limits.xdsFirstRequestMs, () => this.end("unauthenticated", because));
  }

  received(bytes: Buffer): void {
    const isShort = bytes.length < limits.xdsShortRequestBytes;
    // The first waits for nobody: it says who enters the line.
    if (!this.#known || (!this.#arrival && isShort)) {
      this.#take(bytes);
      return;
    }
    // Nothing more is read until this has been taken up.
    this.#call.pause();
    this.#context.fleet.arrivals.inTurn(() => {
      this.#take(bytes);
      this.#call.resume();
    });
  }

  halfClosed(): void {
    this.#leave(() => this.#call.end(status.OK, ""));
  }

  gone(): void {
    this.#leave();
  }

  get proxy(): WorkloadName | undefined {
    return this.#known?.proxy;
  }

  /** Ends the stream with a status that says why. */
  end(code: EndCode, because: string): void {
    if (!this.#open) return;
    this.#context.observer.ended(this.proxy ?? this.#call.peer, code, because);
    this.#leave(() => this.#call.end(statuses[code], because));
  }

  /** The proxy's record or layers changed. */
  identifyAgain(): void {
    const known = this.#known;
    if (!known) return;
    this.#identify(known.peer, known.node, (identified) => {
      if (identified.kind === "proxy" && identified.proxy === known.proxy) {
        this.#endWithCertificate(known.peer);
        this.#context.fleet.restack(known.stream, identified.layers);
        return;
      }
      const code = identified.kind === "refused" ? identified.code : "permission-denied";
      const because = identified.kind === "refused" ? identified.because : "the node is another workload now";
      this.#endWithin(limits.xdsEndSpreadMs, () => this.end(code, because));
    });
  }

  #take(bytes: Buffer): void {
    if (!this.#open) return;
    if (!this.#known) this.#context.connections.begun(this.#call.peer);
    let request: DeltaRequest | undefined;
    try {
      request = this.#dialect.decode(bytes);
    } catch {
      this.end("invalid-argument", "a request cannot be read as one of this method");
      return;
    }
    if (!request) return;
    if (this.#known) this.#handOn(this.#known.stream, request);
    else this.#begin(request);
  }

  #leave(last?: () => void): void {
    if (!this.#open) return;
    this.#open = false;
    this.#timer.cancel();
    this.#arrived();
    if (this.#known) this.#context.fleet.close(this.#known.stream);
    this.#context.ended(this);
    last?.();
  }

  #handOn(stream: ProxyStream, request: DeltaRequest): void {
    const violation = this.#context.fleet.receive(stream, request);
    if (violation) this.end(violation.code, violation.because);
    // One that holds everything from another node needs no more of its seat.
    else if (this.#arrival && stream.settled) this.#arrived();
  }

  #arrived(): void {
    if (this.#arrival) this.#context.fleet.arrivals.leave(this.#arrival);
    this.#arrival = undefined;
  }

  #begin(request: DeltaRequest): void {
    if (!request.node) {
      this.end("unauthenticated", "the first request of a stream must carry the node");
      return;
    }
    if (!this.#context.fleet.ready) {
      this.end("unavailable", "this node has not read the mesh's configuration yet");
      return;
    }
    const peer = this.#peer();
    if (!peer) return;
    const node = claimOf(request.node);
    // Nothing more is read until it is its turn, and known whose words they are.
    this.#call.pause();
    this.#timer.cancel();
    const { arrivals } = this.#context.fleet;
    const first = (): void => this.#identifyFirst(peer, node, request);
    const begin = (): void => this.#whenAdmitted(() => arrivals.inTurn(first));
    this.#arrival = { begin, late: () => (this.#arrival = undefined) };
    arrivals.enter(this.#arrival);
  }

  #identifyFirst(peer: Peer, node: NodeClaim, request: DeltaRequest): void {
    if (!this.#open) return;
    this.#identify(peer, node, (identified) => {
      if (identified.kind === "refused") {
        this.end(identified.code, identified.because);
        return;
      }
      this.#admit(peer, node, identified, request);
      this.#call.resume();
    });
  }

  #whenAdmitted(then: () => void): void {
    const { admission } = this.#context;
    if (!admission) {
      then();
      return;
    }
    void admission().then((refused) => {
      if (!this.#open) return;
      if (refused === undefined) then();
      else this.end("unavailable", refused);
    });
  }

  #admit(peer: Peer, node: NodeClaim, { proxy, layers }: Identified & { kind: "proxy" }, request: DeltaRequest): void {
    const stream = this.#context.fleet.open({ proxy, layers, wire: this.#call, dialect: this.#dialect });
    this.#known = { peer, node, proxy, stream };
    this.#endWithCertificate(peer);
    this.#handOn(stream, request);
  }

  #peer(): Peer | undefined {
    const { kind, connections, clock } = this.#context;
    if (kind === "plaintext") return "plaintext";
    const der = connections.certificate(this.#call.peer);
    const reading = der ? peerOfCertificate(der) : undefined;
    if (reading?.kind !== "peer") {
      this.#endConnection("unauthenticated", reading?.because ?? "no client certificate");
      return undefined;
    }
    if (reading.peer.certificateNotAfterMs > clock.nowMs()) return reading.peer;
    this.#endConnection("unauthenticated", "the client certificate has expired");
    return undefined;
  }

  #identify(peer: Peer, node: NodeClaim, then: (identified: Identified) => void): void {
    const answer = this.#context.identities.identify(peer, node);
    if (!(answer instanceof Promise)) {
      then(answer);
      return;
    }
    const failed = (error: unknown): void => {
      this.end("unavailable", `the node cannot be identified now: ${String(error)}`);
    };
    answer.then((identified) => {
      if (this.#open) then(identified);
    }, failed);
  }

  /** A connection outlives its certificate, and Envoy would open the next stream on it: the connection goes too. */
  #endWithCertificate(peer: Peer): void {
    this.#timer.cancel();
    if (peer === "plaintext") return;
    const leftMs = peer.certificateNotAfterMs - this.#context.clock.nowMs();
    const spreadMs = Math.min(limits.xdsEndSpreadMs, leftMs / 10);
    this.#timer = this.#context.clock.after(leftMs - spreadMs, () => {
      this.#endWithin(spreadMs, () => this.#endConnection("unauthenticated", "the client certificate has expired"));
    });
  }

  #endWithin(spreadMs: number, end: () => void): void {
    this.#timer.cancel();
    this.#timer = this.#context.clock.after(this.#context.random.unit() * spreadMs, end);
  }

  #endConnection(code: EndCode, because: string): void {
    const { peer } = this.#call;
    this.end(code, because);
    this.#context.clock.after(limits.xdsLastWordMs, () => this.#context.connections.end(peer));
  }
}

function claimOf(node: Node): NodeClaim {
  const { region = "", zone = "" } = node.locality ?? {};
  return { id: node.id, cluster: node.cluster, metadata: node.metadata ?? {}, locality: { region, zone } };
}
