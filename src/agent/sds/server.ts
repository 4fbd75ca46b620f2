/**
 * SDS for one workload: a gRPC server on a Unix socket that only this user may open, in a directory that only this user
 * may enter. Every stream on it gets that workload's two secrets and no other's, and of a gateway those that Gateways
 * name: files (file_secrets.ts) and stored Secrets (stored_secrets.ts). The path outlives the agent, so that an Envoy
 * reconnects by itself to the agent that comes after. Called by the run that owns the workload.
 */
import { chmodSync, rmSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type ServerDuplexStream, type ServiceDefinition } from "@grpc/grpc-js";
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
  type DiscoveryRequest,
  DiscoveryRequestSchema,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from "#envoy/envoy/service/discovery/v3/discovery_pb.js";
import type { BundleSet, StoredSecretReply } from "../../certificates/attestation/protocol.ts";
import type { Clock } from "../../platform/clock.ts";
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import type { Identity } from "../identities.ts";
import { FileSecrets } from "./file_secrets.ts";
import {
  certificateOf,
  certificateSecret,
  type OfferedSecret,
  secretTypeUrl,
  trustOf,
  trustSecret,
} from "./secrets.ts";
import { type SecretVersions, StoredSecrets } from "./stored_secrets.ts";
import { type SecretRequest, type SecretResponse, Subscription } from "./subscription.ts";

const path = "/envoy.service.secret.v3.SecretDiscoveryService";

const service = {
  streamSecrets: {
    path: `${path}/StreamSecrets`,
    requestStream: true,
    responseStream: true,
    requestSerialize: (message: DiscoveryRequest) => Buffer.from(toBinary(DiscoveryRequestSchema, message)),
    requestDeserialize: (bytes: Buffer) => fromBinary(DiscoveryRequestSchema, bytes),
    responseSerialize: (message: DiscoveryResponse) => Buffer.from(toBinary(DiscoveryResponseSchema, message)),
    responseDeserialize: (bytes: Buffer) => fromBinary(DiscoveryResponseSchema, bytes),
  },
  deltaSecrets: {
    path: `${path}/DeltaSecrets`,
    requestStream: true,
    responseStream: true,
    requestSerialize: (message: DeltaDiscoveryRequest) => Buffer.from(toBinary(DeltaDiscoveryRequestSchema, message)),
    requestDeserialize: (bytes: Buffer) => fromBinary(DeltaDiscoveryRequestSchema, bytes),
    responseSerialize: (message: DeltaDiscoveryResponse) =>
      Buffer.from(toBinary(DeltaDiscoveryResponseSchema, message)),
    responseDeserialize: (bytes: Buffer) => fromBinary(DeltaDiscoveryResponseSchema, bytes),
  },
} satisfies ServiceDefinition;

export const secretDiscoveryService = service;

interface Stream {
  readonly subscription: Subscription;
  send(response: SecretResponse): void;
}

export interface SecretServerParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** A stored Secret, from a node. */
  readonly fetch: (name: string) => Promise<StoredSecretReply>;
  /** `settled` is another now. */
  readonly onSettled: () => void;
}

export class SecretServer {
  readonly #socketPath: string;
  readonly #log: Logger;
  readonly #files: FileSecrets;
  readonly #stored: StoredSecrets;
  readonly #server = new Server({ "grpc.max_receive_message_length": 64 * 1024 });
  readonly #offers = new Map<string, OfferedSecret>();
  readonly #streams = new Set<Stream>();
  readonly #onSettled: () => void;
  #acknowledgedSerial: string | undefined;
  #settled: SecretVersions = {};

  private constructor(socketPath: string, { clock, log, fetch, onSettled }: SecretServerParts) {
    this.#socketPath = socketPath;
    this.#log = log;
    this.#onSettled = onSettled;
    const asked = () => this.#asked();
    const lacking = () => this.#settle();
    const offer = (secret: OfferedSecret): void => this.#offer(secret);
    const withdraw = (name: string): void => void this.#offers.delete(name);
    this.#files = new FileSecrets({ clock, log, asked, offer, lacking });
    this.#stored = new StoredSecrets({ log, fetch, asked, offer, withdraw, lacking });
  }

  static async listen(socketPath: string, parts: SecretServerParts): Promise<SecretServer> {
    const secrets = new SecretServer(socketPath, parts);
    await secrets.#listen();
    return secrets;
  }

  /** Of the certificate that an Envoy acknowledged last. */
  get acknowledgedSerial(): string | undefined {
    return this.#acknowledgedSerial;
  }

  /**
   * Secrets of the user's that Envoys asked for, with which they are done: they took or refused what is there now, or it is
   * not there. Name → version of a stored one; "" of files, and of what is not there.
   */
  get settled(): SecretVersions {
    return this.#settled;
  }

  offerIdentity(identity: Identity): void {
    this.#offer(certificateOf(identity));
  }

  offerTrust(bundle: BundleSet): void {
    this.#offer(trustOf(bundle));
  }

  /** What the nodes have of what this gateway may ask for. */
  storedVersions(versions: SecretVersions): void {
    this.#stored.versions(versions);
  }

  close(): void {
    this.#files.close();
    this.#stored.close();
    this.#server.forceShutdown();
    try {
      rmSync(this.#socketPath, { force: true });
    } catch (cause) {
      this.#log.warn("socket-not-removed", { path: this.#socketPath, because: String(cause) });
    }
  }

  #offer(secret: OfferedSecret): void {
    this.#offers.set(secret.name, secret);
    for (const stream of this.#streams) this.#pump(stream);
    this.#settle();
  }

  #asked(): ReadonlySet<string> {
    return new Set([...this.#streams].flatMap(({ subscription }) => [...subscription.names]));
  }

  #settle(): void {
    const open = new Set([...this.#streams].flatMap(({ subscription }) => subscription.open(this.#offers)));
    const names = [...this.#asked()].filter((name) => name !== certificateSecret && name !== trustSecret);
    const lacks = (name: string): boolean => this.#files.lacks(name) || this.#stored.lacks(name);
    const done = names.filter((name) => !open.has(name) || lacks(name)).sort();
    const told = done.slice(0, 2 * limits.secretsPerProxy);
    const settled = Object.fromEntries(told.map((name) => [name, this.#stored.versionOf(name) ?? ""]));
    if (isDeepStrictEqual(settled, this.#settled)) return;
    this.#settled = settled;
    this.#onSettled();
  }

  #listen(): Promise<void> {
    this.#server.addService(service, {
      streamSecrets: (call: ServerDuplexStream<DiscoveryRequest, DiscoveryResponse>) =>
        this.#serve(call, requestOf, worldResponse),
      deltaSecrets: (call: ServerDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>) =>
        this.#serve(call, deltaRequestOf, deltaResponse),
    });
    // What an agent that was killed left behind; the directory is ours alone.
    rmSync(this.#socketPath, { force: true });
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(`unix:${this.#socketPath}`, ServerCredentials.createInsecure(), (error) => {
        if (error) return reject(WeftError.from(error, `listen on ${this.#socketPath}`));
        chmodSync(this.#socketPath, 0o600);
        resolve();
      });
    });
  }

  #serve<In, Out>(
    call: ServerDuplexStream<In, Out>,
    read: (request: In) => SecretRequest,
    write: (response: SecretResponse) => Out,
  ): void {
    const stream: Stream = { subscription: new Subscription(), send: (response) => call.write(write(response)) };
    this.#streams.add(stream);
    const ended = (): boolean => this.#streams.delete(stream);
    call.on("data", (message: In) => this.#take(stream, read(message)));
    call.on("error", ended);
    call.on("close", ended);
    call.on("end", () => {
      ended();
      call.end();
    });
  }

  #take(stream: Stream, request: SecretRequest): void {
    const settled = stream.subscription.settle(request);
    if (settled?.refusal !== undefined) {
      this.#log.warn("secret-refused", { names: settled.secrets.map(({ name }) => name), because: settled.refusal });
    } else {
      const certificate = settled?.secrets.find(({ name }) => name === certificateSecret);
      if (certificate?.serial !== undefined) this.#acknowledgedSerial = certificate.serial;
    }
    const before = stream.subscription.names.size;
    stream.subscription.ask(request);
    if (stream.subscription.names.size > before) {
      this.#files.look();
      this.#stored.look();
    }
    this.#pump(stream);
    this.#settle();
  }

  #pump(stream: Stream): void {
    const response = stream.subscription.next(this.#offers);
    if (response) stream.send(response);
  }
}

function requestOf(request: DiscoveryRequest): SecretRequest {
  const { resourceNames: names, responseNonce: nonce, errorDetail } = request;
  const nothing = { subscribe: [], unsubscribe: [], initial: {} };
  return { ...nothing, names, nonce, ...(errorDetail ? { refusal: errorDetail.message } : {}) };
}

function deltaRequestOf(request: DeltaDiscoveryRequest): SecretRequest {
  return {
    subscribe: request.resourceNamesSubscribe,
    unsubscribe: request.resourceNamesUnsubscribe,
    initial: request.initialResourceVersions,
    nonce: request.responseNonce,
    ...(request.errorDetail ? { refusal: request.errorDetail.message } : {}),
  };
}

function worldResponse({ nonce, version, secrets }: SecretResponse): DiscoveryResponse {
  const resources = secrets.map(({ resource }) => resource);
  return create(DiscoveryResponseSchema, { typeUrl: secretTypeUrl, versionInfo: version, nonce, resources });
}

function deltaResponse({ nonce, version, secrets }: SecretResponse): DeltaDiscoveryResponse {
  const resources = secrets.map(({ name, version, resource }) => ({ name, version, resource }));
  return create(DeltaDiscoveryResponseSchema, {
    typeUrl: secretTypeUrl,
    systemVersionInfo: version,
    nonce,
    resources,
  });
}
