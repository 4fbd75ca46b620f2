/**
 * ADS over gRPC: who may connect, as what, and the wire. All that is decided about resources is in session.ts.
 *
 * A stream's life: the first request names the node → `identify` says which proxy it is and which layers it reads, or
 * refuses → requests and responses → it ends with its workload record or its certificate, spread over
 * limits.xdsEndSpreadMs, or when the other side goes. Over mTLS, `node.id` names the workload record and the certificate
 * must be that workload's: `identify` compares them, this module hands it what the handshake proved.
 */
import type { Socket } from "node:net";
import type { Server as TlsServer } from "node:tls";
import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import { AggregatedDiscoveryService } from "#envoy/envoy/service/discovery/v3/ads_pb.js";
import type { Clock } from "../platform/clock.ts";
import { WeftError } from "../platform/error.ts";
import { limits } from "../platform/limits.ts";
import type { Random } from "../platform/random.ts";
import { AdsCall, type CallContext, type Identities, type StreamAdmission } from "./call.ts";
import { Connections } from "./connections.ts";
import { Delta, type Dialect } from "./dialect.ts";
import type { Fleet } from "./fleet.ts";
import {
  type Address,
  isLoopback,
  type Listening,
  listen,
  replaceTls,
  type TlsMaterial,
  tlsServer,
} from "./listener.ts";
import { silentObserver, type XdsObserver } from "./observer.ts";
import { type CallListener, type RawCall, takingCalls } from "./raw_call.ts";
import { StateOfTheWorld } from "./state_of_the_world.ts";

export interface XdsServerOptions {
  readonly fleet: Fleet;
  readonly identities: Identities;
  readonly admission?: StreamAdmission;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer?: XdsObserver;
  readonly mtls?: { readonly address: Address; readonly material: TlsMaterial };
  /** Loopback only. */
  readonly plaintext?: Address;
}

/** host:port of what listens. */
export interface XdsAddresses {
  readonly mtls?: string;
  readonly plaintext?: string;
}

const passThrough = (bytes: Buffer): Buffer => bytes;

export class XdsServer {
  readonly #options: XdsServerOptions;
  readonly #calls = new Set<AdsCall>();
  readonly #grpc: Server[] = [];
  readonly #doors: { readonly listening: Listening; readonly connections: Connections }[] = [];
  #tls: TlsServer | undefined;
  #stopping = false;

  constructor(options: XdsServerOptions) {
    if (options.plaintext && !isLoopback(options.plaintext.host)) {
      throw new WeftError({
        code: "invalid",
        retry: "never",
        attempted: `serve xDS in plaintext on ${options.plaintext.host}`,
        because: "without TLS a proxy cannot prove who it is",
        next: "use a loopback address",
      });
    }
    this.#options = options;
    options.identities.onLayersChanged((isConcerned) => {
      for (const call of this.#calls) if (call.proxy && isConcerned(call.proxy)) call.identifyAgain();
    });
  }

  async start(): Promise<XdsAddresses> {
    const { mtls, plaintext } = this.#options;
    const addresses: { mtls?: string; plaintext?: string } = {};
    if (mtls) {
      const { connections, inject } = this.#grpcServer("mtls");
      const tls = tlsServer(mtls.material, inject);
      this.#tls = tls;
      addresses.mtls = await this.#listen(mtls.address, connections, (socket) => tls.emit("connection", socket));
    }
    if (plaintext) {
      const { connections, inject } = this.#grpcServer("plaintext");
      addresses.plaintext = await this.#listen(plaintext, connections, inject);
    }
    return addresses;
  }

  /** The node's certificate or the mesh's roots are others now. */
  replaceTls(material: TlsMaterial): void {
    if (this.#tls) replaceTls(this.#tls, material);
  }

  /** Ends every stream with UNAVAILABLE, so that proxies turn to another node. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const call of this.#calls) call.end("unavailable", "this node is stopping");
    const closed = this.#doors.map(({ listening }) => listening.close());
    // One turn for the statuses to leave, then the connections.
    await new Promise<void>((resolve) => setImmediate(resolve));
    for (const server of this.#grpc) server.forceShutdown();
    for (const { connections } of this.#doors) connections.endAll();
    await Promise.all(closed);
  }

  /** Accepted, and not read yet. */
  get waitingConnections(): number {
    return this.#doors.reduce((sum, { connections }) => sum + connections.waiting, 0);
  }

  async #listen(address: Address, connections: Connections, begin: (socket: Socket) => void): Promise<string> {
    const listening = await listen(address, (socket) => connections.enter(socket, () => begin(socket)));
    this.#doors.push({ listening, connections });
    return listening.address;
  }

  #grpcServer(kind: "mtls" | "plaintext"): { connections: Connections; inject: (socket: Socket) => void } {
    const connections = new Connections(this.#options.clock);
    const context: CallContext = {
      ...this.#options,
      observer: this.#options.observer ?? silentObserver,
      kind,
      connections,
      ended: (call) => this.#calls.delete(call),
    };
    const { deltaAggregatedResources, streamAggregatedResources } = AggregatedDiscoveryService.method;
    const pathOf = (method: { readonly name: string }): string =>
      `/${AggregatedDiscoveryService.typeName}/${method.name}`;
    const delta = new Delta();
    const dialects = new Map<string, () => Dialect>([
      [pathOf(deltaAggregatedResources), () => delta],
      [pathOf(streamAggregatedResources), () => new StateOfTheWorld()],
    ]);
    const grpc = new Server({
      interceptors: [takingCalls((path, call) => this.#open(call, context, dialects.get(path)?.() ?? delta))],
      "grpc.max_receive_message_length": limits.xdsRequestBytes,
      "grpc.max_send_message_length": -1,
      "grpc.max_concurrent_streams": limits.xdsStreamsPerConnection,
      "grpc.keepalive_time_ms": limits.xdsKeepaliveMs,
      "grpc.keepalive_timeout_ms": limits.xdsKeepaliveTimeoutMs,
      "grpc.enable_channelz": 0,
    });
    // The interceptor answers in the handlers' place.
    for (const path of dialects.keys()) grpc.register(path, () => {}, passThrough, passThrough, "bidi");
    this.#grpc.push(grpc);
    const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
    return {
      connections,
      inject: (socket) => {
        connections.add(socket);
        injector.injectConnection(socket);
      },
    };
  }

  #open(call: RawCall, context: CallContext, dialect: Dialect): CallListener {
    const full = this.#calls.size >= limits.xdsStreams;
    if (full || this.#stopping) {
      const details = full ? `this node serves ${limits.xdsStreams} streams already` : "this node is stopping";
      call.end(status.UNAVAILABLE, details);
      return { received: () => {}, halfClosed: () => {}, gone: () => {} };
    }
    const ads = new AdsCall(call, context, dialect);
    this.#calls.add(ads);
    return ads;
  }
}
