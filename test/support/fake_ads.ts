/**
 * Delta ADS over mTLS for fake_meshd.ts: no clusters, and for each of a workload's addresses a listener that answers 200
 * by itself; inbound ones speak TLS with the workload's SDS certificate.
 */
import { create, createRegistry, fromBinary, fromJson, type JsonValue, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import { ListenerSchema } from "#envoy/envoy/config/listener/v3/listener_pb.js";
import { file_envoy_extensions_filters_http_router_v3_router } from "#envoy/envoy/extensions/filters/http/router/v3/router_pb.js";
import { file_envoy_extensions_filters_network_http_connection_manager_v3_http_connection_manager } from "#envoy/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { file_envoy_extensions_transport_sockets_tls_v3_tls } from "#envoy/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from "#envoy/envoy/service/discovery/v3/discovery_pb.js";
import type { LocalAddress, Workload } from "../../src/model/workload.ts";

const registry = createRegistry(
  file_envoy_extensions_filters_http_router_v3_router,
  file_envoy_extensions_filters_network_http_connection_manager_v3_http_connection_manager,
  file_envoy_extensions_transport_sockets_tls_v3_tls,
);
const listenerType = "type.googleapis.com/envoy.config.listener.v3.Listener";

export interface FakeAdsOptions {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
  workload(name: string): Workload | undefined;
}

type Call = ServerDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;

interface Stream {
  readonly call: Call;
  node: string;
  listenersAsked: boolean;
  /** Names sent. */
  readonly sent: Set<string>;
}

export class FakeAds {
  readonly #server = new Server();
  readonly #options: FakeAdsOptions;
  readonly #streams = new Set<Stream>();
  #port = 0;
  #nonce = 0;

  private constructor(options: FakeAdsOptions) {
    this.#options = options;
  }

  static async start(options: FakeAdsOptions): Promise<FakeAds> {
    const ads = new FakeAds(options);
    await ads.#listen();
    return ads;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get connected(): readonly string[] {
    return [...this.#streams].map(({ node }) => node);
  }

  /** The workloads have changed. */
  update(): void {
    for (const stream of this.#streams) this.#sendListeners(stream);
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  #listen(): Promise<void> {
    this.#server.addService(
      {
        delta: {
          path: "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
          requestStream: true,
          responseStream: true,
          requestSerialize: (message: DeltaDiscoveryRequest) =>
            Buffer.from(toBinary(DeltaDiscoveryRequestSchema, message)),
          requestDeserialize: (bytes: Buffer) => fromBinary(DeltaDiscoveryRequestSchema, bytes),
          responseSerialize: (message: DeltaDiscoveryResponse) =>
            Buffer.from(toBinary(DeltaDiscoveryResponseSchema, message)),
          responseDeserialize: (bytes: Buffer) => fromBinary(DeltaDiscoveryResponseSchema, bytes),
        },
      },
      { delta: (call: Call) => this.#serve(call) },
    );
    const { key, cert, ca } = this.#options;
    const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(cert) };
    const credentials = ServerCredentials.createSsl(Buffer.from(ca), [pair], true);
    return new Promise((resolve, reject) => {
      this.#server.bindAsync("127.0.0.1:0", credentials, (error, port) => {
        if (error) return reject(error);
        this.#port = port;
        resolve();
      });
    });
  }

  #serve(call: Call): void {
    const stream: Stream = { call, node: "", listenersAsked: false, sent: new Set() };
    this.#streams.add(stream);
    call.on("data", (request: DeltaDiscoveryRequest) => {
      if (request.node?.id) stream.node = request.node.id;
      if (request.responseNonce !== "") return;
      if (request.typeUrl === listenerType) {
        stream.listenersAsked = true;
        this.#sendListeners(stream, true);
      } else this.#send(stream, request.typeUrl, []);
    });
    const ended = (): boolean => this.#streams.delete(stream);
    call.on("error", ended);
    call.on("close", ended);
    call.on("end", () => call.end());
  }

  #sendListeners(stream: Stream, even = false): void {
    const workload = this.#options.workload(stream.node);
    if (!stream.listenersAsked || !workload) return;
    const listeners = addressed(workload).filter(({ at }) => even || !stream.sent.has(nameOf(at)));
    for (const { at } of listeners) stream.sent.add(nameOf(at));
    if (even || listeners.length > 0) this.#send(stream, listenerType, listeners);
  }

  #send(stream: Stream, typeUrl: string, listeners: readonly Addressed[]): void {
    const resources = listeners.map((one) => {
      const message = fromJson(ListenerSchema, listenerJson(one), { registry });
      return { name: message.name, version: "1", resource: anyPack(ListenerSchema, message) };
    });
    const nonce = String(++this.#nonce);
    stream.call.write(create(DeltaDiscoveryResponseSchema, { typeUrl, nonce, resources }));
  }
}

interface Addressed {
  readonly at: LocalAddress;
  readonly tls: boolean;
}

function nameOf({ address, port }: LocalAddress): string {
  return `${address}_${port}`;
}

function addressed(workload: Workload): readonly Addressed[] {
  if (workload.role === "gateway") return Object.values(workload.listeners).map((at) => ({ at, tls: false }));
  const plain = [workload.outbound, ...workload.upstreams.map(({ listen }) => listen)];
  return [...plain.map((at) => ({ at, tls: false })), ...workload.inbound.map(({ listen: at }) => ({ at, tls: true }))];
}

function listenerJson({ at, tls }: Addressed): JsonValue {
  const manager = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    statPrefix: tls ? "inbound" : "outbound",
    routeConfig: {
      name: "here",
      virtualHosts: [
        {
          name: "all",
          domains: ["*"],
          routes: [{ match: { prefix: "/" }, directResponse: { status: 200, body: { inlineString: "ok" } } }],
        },
      ],
    },
    httpFilters: [
      {
        name: "envoy.filters.http.router",
        typedConfig: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
      },
    ],
  };
  const chain = { filters: [{ name: "envoy.filters.network.http_connection_manager", typedConfig: manager }] };
  return {
    name: nameOf(at),
    address: { socketAddress: { address: at.address, portValue: at.port } },
    filterChains: [tls ? { ...chain, transportSocket: downstreamTls } : chain],
  };
}

const secret = (name: string) => ({
  name,
  sdsConfig: {
    resourceApiVersion: "V3",
    apiConfigSource: {
      apiType: "DELTA_GRPC",
      transportApiVersion: "V3",
      grpcServices: [{ envoyGrpc: { clusterName: "sds-agent" } }],
    },
  },
});

const downstreamTls = {
  name: "envoy.transport_sockets.tls",
  typedConfig: {
    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
    requireClientCertificate: true,
    commonTlsContext: {
      tlsCertificateSdsSecretConfigs: [secret("default")],
      validationContextSdsSecretConfig: secret("ROOTCA"),
    },
  },
};
