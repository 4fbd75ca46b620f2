/** Decoders of what nodes answer (certificates/attestation/protocol.ts). */
import type {
  AttestReply,
  Challenge,
  HeartbeatReply,
  IssuedSvid,
  NodeAddresses,
  StoredSecretReply,
  SvidReply,
  WorkloadSetReply,
} from "../certificates/attestation/protocol.ts";
import { decodeBundle } from "../certificates/bundle.ts";
import { boolean, type Decode, integer, list, object, record, text } from "../platform/decode.ts";
import { limits } from "../platform/limits.ts";

const addresses = list(text(300, /^.+:\d{1,5}$/), 1_000);

const issuedSvid: Decode<IssuedSvid> = object({
  spiffeId: text(2048),
  chain: list(text(16_384), 8),
  notBeforeMs: integer(0),
  notAfterMs: integer(0),
});

export const nodeAddresses: Decode<NodeAddresses> = object({ agents: addresses, xds: addresses });

export const attestReply: Decode<AttestReply> = object({
  svid: issuedSvid,
  bundle: decodeBundle,
  nodes: nodeAddresses,
});

export const challenge: Decode<Challenge> = object({ nonce: text(1024) });

const refused = list(object({ workload: text(), code: text(), message: text() }), limits.workloadsPerAgent);

export const workloadSetReply: Decode<WorkloadSetReply> = object(
  { revision: text(), endpointsToken: text(), refused },
  { superseded: integer(0) },
);

export const svidReply: Decode<SvidReply> = object({
  issued: list(object({ workload: text(), svid: issuedSvid }), limits.svidsPerRequest),
  refused,
});

export const heartbeatReply: Decode<HeartbeatReply> = object(
  { nodes: nodeAddresses, gatewayPorts: record(list(integer(1, 65_535), 1_000)), resend: boolean },
  { bundle: decodeBundle, secrets: record(record(text(64), limits.secretsPerProxy)) },
);

const pem = text(limits.secretBytes);

export const storedSecretReply: Decode<StoredSecretReply> = object(
  { version: text(64) },
  { keyPair: object({ chain: pem, key: pem }), authorities: pem },
);

/** RFC 9457 problem details, as far as the agent reads them. */
export const problemDetails = object({}, { code: text(), title: text(), detail: text() });
