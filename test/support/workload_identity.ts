/**
 * A workload's identity as its Envoy gets it, over SDS from the agent's socket (which this user may open), to make TLS
 * connections that a sidecar takes for a peer's.
 */
import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { TLSSocket } from "node:tls";
import { create, fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Client, credentials } from "@grpc/grpc-js";
import type { DataSource } from "#envoy/envoy/config/core/v3/base_pb.js";
import { type Secret, SecretSchema } from "#envoy/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { SPIFFECertValidatorConfigSchema } from "#envoy/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js";
import {
  DiscoveryRequestSchema,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from "#envoy/envoy/service/discovery/v3/discovery_pb.js";
import { certificateSecret, secretTypeUrl, trustSecret } from "../../src/agent/sds/secrets.ts";
import { secretDiscoveryService } from "../../src/agent/sds/server.ts";
import type { Mesh } from "./mesh.ts";

export interface WorkloadIdentity {
  /** PEM: leaf, then intermediates. */
  readonly cert: string;
  readonly key: string;
  /** PEM. */
  readonly roots: string;
}

export interface Handshake {
  readonly atMs: number;
  /** Of the certificate that was served, lower-case hex. */
  readonly serial: string;
  /** undefined: the handshake was made, and a request on it answered 200. */
  readonly failure: string | undefined;
}

const requestMs = 5_000;

/** Does not acknowledge: what the agent says of its Envoy must stay true. */
export async function identityOf(mesh: Mesh, workload: string): Promise<WorkloadIdentity> {
  const client = new Client(`unix:${socketOf(mesh, workload)}`, credentials.createInsecure());
  const { path, requestSerialize } = secretDiscoveryService.streamSecrets;
  const read = (bytes: Buffer): DiscoveryResponse => fromBinary(DiscoveryResponseSchema, bytes);
  const call = client.makeBidiStreamRequest(path, requestSerialize, read, { deadline: Date.now() + requestMs });
  try {
    const answered = new Promise<DiscoveryResponse>((resolve, reject) => call.on("data", resolve).on("error", reject));
    const resourceNames = [certificateSecret, trustSecret];
    call.write(create(DiscoveryRequestSchema, { typeUrl: secretTypeUrl, resourceNames }));
    const { resources } = await answered;
    return identityIn(
      resources.map((resource) => anyUnpack(resource, SecretSchema)).filter((one) => one !== undefined),
    );
  } finally {
    call.cancel();
    client.close();
  }
}

/** A new connection, a full handshake, one request: with TLS 1.3 only its answer shows that the peer took our side. */
export function handshake(inbound: string, identity: WorkloadIdentity, spiffeId: string): Promise<Handshake> {
  const { cert, key, roots } = identity;
  const { hostname, port } = new URL(`https://${inbound}`);
  const atMs = performance.now();
  let serial = "";
  return new Promise((resolve) => {
    const end = (failure: string | undefined): void => {
      outgoing.destroy();
      resolve({ atMs, serial, failure });
    };
    const outgoing = request({
      ...{ host: hostname, port, path: "/health", cert, key, ca: roots, timeout: requestMs },
      agent: new Agent({ maxCachedSessions: 0 }),
      minVersion: "TLSv1.3",
      checkServerIdentity: (_host, certificate) => {
        serial = certificate.serialNumber.toLowerCase();
        const names = certificate.subjectaltname ?? "";
        return names === `URI:${spiffeId}` ? undefined : new Error(`the peer is ${names}, not ${spiffeId}`);
      },
    });
    outgoing.on("response", (response) => {
      response.resume();
      const reused = response.socket instanceof TLSSocket && response.socket.isSessionReused();
      const failure = reused ? "the session was not fresh" : `status ${response.statusCode}`;
      response.on("end", () => end(response.statusCode === 200 && !reused ? undefined : failure));
    });
    outgoing.on("timeout", () => end(`no answer within ${requestMs / 1_000} s`));
    outgoing.on("error", (cause) => end(cause.message));
    outgoing.end();
  });
}

function socketOf(mesh: Mesh, workload: string): string {
  const [agent] = mesh.ready.agents;
  const record = join(mesh.stateDir, agent?.name ?? "", "workloads", `${workload}.default`, "run.json");
  return JSON.parse(readFileSync(record, "utf8")).sdsSocket;
}

function identityIn(secrets: readonly Secret[]): WorkloadIdentity {
  const certificate = secrets.find(({ name }) => name === certificateSecret)?.type;
  const trust = secrets.find(({ name }) => name === trustSecret)?.type;
  if (certificate?.case !== "tlsCertificate" || trust?.case !== "validationContext") throw new Error("no secrets yet");
  const validator = trust.value.customValidatorConfig?.typedConfig;
  const domains = (validator && anyUnpack(validator, SPIFFECertValidatorConfigSchema)?.trustDomains) ?? [];
  return {
    cert: inline(certificate.value.certificateChain),
    key: inline(certificate.value.privateKey),
    roots: domains.map(({ trustBundle }) => inline(trustBundle)).join("\n"),
  };
}

function inline(source: DataSource | undefined): string {
  const value = source?.specifier.case === "inlineString" ? source.specifier.value : undefined;
  if (value === undefined) throw new Error("a secret is not inline");
  return value;
}
