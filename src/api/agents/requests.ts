/** Decoders of what agents send (certificates/attestation/protocol.ts). */
import { decodeWorkload } from "../../model/decode.ts";
import { boolean, integer, list, object, oneOf, record, text } from "../../platform/decode.ts";
import { limits } from "../../platform/limits.ts";

const base64 = text(64 * 1024, /^[A-Za-z0-9+/]*={0,2}$/);
const word = text(512);

export const joinRequest = object({
  tokenId: word,
  tokenSecret: word,
  hostName: word,
  hostKey: base64,
  csr: base64,
  signature: base64,
});

export const challengeRequest = object({ hostName: word });

export const hostRequest = object({ hostName: word, nonce: word, csr: base64, signature: base64 });

export const workloadSet = object(
  {
    workloads: list(
      object({ workload: decodeWorkload, serving: boolean, health: oneOf("healthy", "unhealthy", "draining") }),
      limits.workloadsPerAgent,
    ),
  },
  { said: integer(0) },
);

export const svidRequest = object({
  requests: list(object({ workload: text(127), csr: base64 }), limits.workloadsPerAgent),
});

export const storedSecretRequest = object({ workload: text(127), name: text(300) });

const count = integer(0);
const proxyReport = object(
  {
    workload: text(127),
    envoyPid: count,
    envoyStarts: count,
    warming: count,
    edges: list(
      object(
        { cluster: word, endpoint: word, requests: count, errors: count, activeConnections: count },
        { connections: count, connectFailures: count },
      ),
      limits.edgesPerProxy,
    ),
    handshakes: record(object({ tls: count, connections: count }), limits.edgesPerProxy),
    inbound: object({ requests: count, errors5xx: count, denied: count }),
  },
  { svidSerial: text(64), secrets: record(text(64), 2 * limits.secretsPerProxy) },
);

export const heartbeat = object({ bundleSequence: count, proxies: list(proxyReport, limits.workloadsPerAgent) });
