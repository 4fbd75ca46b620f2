/**
 * A proxy without a proxy, cheap enough for five hundred in one process: a delta ADS stream in plaintext that takes all
 * clusters and the endpoints they name, acknowledges everything, and says on its next stream what it holds, as Envoy does.
 * When its node goes it waits 50 to 200 ms and turns to the next of its addresses, for ever.
 */
import { randomInt } from "node:crypto";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { ClusterSchema } from "#envoy/envoy/config/cluster/v3/cluster_pb.js";
import { AggregatedDiscoveryService } from "#envoy/envoy/service/discovery/v3/ads_pb.js";
import { DeltaDiscoveryRequestSchema } from "#envoy/envoy/service/discovery/v3/discovery_pb.js";

const typeUrl = (message: string): string => `type.googleapis.com/envoy.config.${message}`;
const clusters = typeUrl("cluster.v3.Cluster");
const endpoints = typeUrl("endpoint.v3.ClusterLoadAssignment");
const { typeName, method } = AggregatedDiscoveryService;
const path = `/${typeName}/${method.deltaAggregatedResources.name}`;

interface Resource {
  readonly name: string;
  readonly version: string;
  readonly value: Uint8Array;
}

interface Response {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly resources: readonly Resource[];
  readonly removed: readonly string[];
}

/** What many proxies hold alike: strings once, and what a cluster of a version names. */
export class SharedWords {
  readonly #words = new Map<string, string>();
  readonly #follows = new Map<string, string>();

  once(word: string): string {
    const known = this.#words.get(word);
    if (known === undefined) this.#words.set(word, word);
    return known ?? word;
  }

  endpointsOf({ name, version, value }: Resource): string {
    const key = `${name} ${version}`;
    let follows = this.#follows.get(key);
    if (follows === undefined) {
      follows = this.once(fromBinary(ClusterSchema, value).edsClusterConfig?.serviceName || name);
      this.#follows.set(key, follows);
    }
    return follows;
  }
}

export interface ProxyOptions {
  readonly id: string;
  /** host:port; the first is where it starts. */
  readonly addresses: readonly string[];
  readonly words: SharedWords;
  /** Every response, as bytes. */
  readonly onResponse: (bytes: Buffer, proxy: AdsProxy) => void;
}

export class AdsProxy {
  bytes = 0;
  streams = 0;
  /** Of the stream, whole messages or not. */
  received = 0;
  /** When something came last, ms. */
  lastMs = 0;
  readonly id: string;
  readonly #options: ProxyOptions;
  readonly #held = new Map([clusters, endpoints].map((type) => [type, new Map<string, string>()]));
  #session: ClientHttp2Session | undefined;
  #stopped = false;
  #next = 0;

  constructor(options: ProxyOptions) {
    this.id = options.id;
    this.#options = options;
    this.#connect();
  }

  /** Number of clusters and of endpoint sets held. */
  get holds(): readonly number[] {
    return [...this.#held.values()].map(({ size }) => size);
  }

  stop(): void {
    this.#stopped = true;
    this.#session?.destroy();
  }

  #connect(): void {
    if (this.#stopped) return;
    const { addresses } = this.#options;
    const session = connect(`http://${addresses[this.#next++ % addresses.length]}`, {
      settings: { initialWindowSize: 4 << 20 },
    });
    this.#session = session;
    session.on("error", () => {});
    session.on("connect", () => {
      session.setLocalWindowSize(4 << 20);
      // The window's word leaves with the next frame, which may otherwise be a long time coming: twice in thirty runs some
      // proxies waited for a server that waited for them.
      session.ping(() => {});
    });
    session.on("close", () => setTimeout(() => this.#connect(), randomInt(50, 200)));
    const stream = requestAds(session);
    // Whatever ends the stream: the connection goes, and the next one follows.
    stream.on("error", () => {});
    stream.on("close", () => session.destroy());
    this.streams++;
    this.received = 0;
    stream.on("data", (part: Buffer) => {
      this.received += part.length;
    });
    this.#converse(stream);
  }

  #converse(stream: ClientHttp2Stream): void {
    const asked = new Set<string>();
    const send = (request: MessageInitShape<typeof DeltaDiscoveryRequestSchema>): void => {
      const body = toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, request));
      const head = Buffer.alloc(5);
      head.writeUInt32BE(body.length, 1);
      stream.write(Buffer.concat([head, body]));
    };
    const node = { id: this.id, metadata: { NAMESPACE: "default" } };
    for (const [type, held] of this.#held) {
      if (type === endpoints && held.size === 0) continue;
      const names = type === endpoints ? [...held.keys()] : [];
      for (const name of names) asked.add(name);
      send({
        ...(type === clusters && { node }),
        typeUrl: type,
        resourceNamesSubscribe: names,
        initialResourceVersions: Object.fromEntries(held),
      });
    }
    eachMessage(stream, (bytes) => {
      this.bytes += bytes.length;
      this.lastMs = performance.now();
      const response = readResponse(bytes);
      const named = this.#take(response).filter((name) => !asked.has(name));
      this.#options.onResponse(bytes, this);
      send({ typeUrl: response.typeUrl, responseNonce: response.nonce });
      for (const name of named) asked.add(name);
      if (named.length > 0) send({ typeUrl: endpoints, resourceNamesSubscribe: named });
    });
  }

  /** Answers the endpoints that follow. */
  #take(response: Response): string[] {
    const { words } = this.#options;
    const held = this.#held.get(response.typeUrl);
    for (const name of response.removed) held?.delete(name);
    for (const { name, version } of response.resources) held?.set(words.once(name), words.once(version));
    return response.typeUrl === clusters ? response.resources.map((one) => words.endpointsOf(one)) : [];
  }
}

/** A delta ADS stream, on which nothing is said yet. */
export function requestAds(session: ClientHttp2Session): ClientHttp2Stream {
  return session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" });
}

/** gRPC's frames: a flag, four bytes of length, the message. */
function eachMessage(stream: ClientHttp2Stream, take: (bytes: Buffer) => void): void {
  let parts: Buffer[] = [];
  let size = 0;
  let wanted = 5;
  stream.on("data", (part: Buffer) => {
    parts.push(part);
    size += part.length;
    if (size < wanted) return;
    let rest = Buffer.concat(parts);
    while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
      const end = 5 + rest.readUInt32BE(1);
      take(rest.subarray(5, end));
      rest = rest.subarray(end);
    }
    parts = [rest];
    size = rest.length;
    wanted = size >= 5 ? 5 + rest.readUInt32BE(1) : 5;
  });
}

/** DeltaDiscoveryResponse; the generated type would copy half a gigabyte of bodies that nobody reads. */
function readResponse(bytes: Buffer): Response {
  const reader = new BinaryReader(bytes);
  const resources: Resource[] = [];
  const removed: string[] = [];
  let [type, nonce] = ["", ""];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 2) resources.push(readResource(reader.bytes()));
    else if (field === 4) type = reader.string();
    else if (field === 5) nonce = reader.string();
    else if (field === 6) removed.push(reader.string());
    else reader.skip(wireType, field);
  }
  return { typeUrl: type, nonce, resources, removed };
}

/** Resource: 1 version, 2 Any {2 value}, 3 name. */
function readResource(bytes: Uint8Array): Resource {
  const reader = new BinaryReader(bytes);
  let [name, version] = ["", ""];
  let value = new Uint8Array();
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) version = reader.string();
    else if (field === 3) name = reader.string();
    else if (field === 2) {
      const any = new BinaryReader(reader.bytes());
      while (any.pos < any.len) {
        const [part, kind] = any.tag();
        if (part === 2) value = new Uint8Array(any.bytes());
        else any.skip(kind, part);
      }
    } else reader.skip(wireType, field);
  }
  return { name, version, value };
}
