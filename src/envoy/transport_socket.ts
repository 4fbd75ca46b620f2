/** Transport sockets: plaintext, the mesh's mTLS as a client, and as a server. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type TransportSocket, TransportSocketSchema } from "#envoy/envoy/config/core/v3/base_pb.js";
import { RawBufferSchema } from "#envoy/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js";
import {
  SubjectAltNameMatcher_SanType,
  type SubjectAltNameMatcherSchema,
  TlsParameters_TlsProtocol,
} from "#envoy/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import {
  type CommonTlsContextSchema,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from "#envoy/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import type { ClientTls, ServerIdentities } from "../compile/ir.ts";
import { packed } from "./any.ts";
import { certificateSecret, secret, trustSecret } from "./config_source.ts";

/** Endpoint metadata under this name chooses the socket: {tlsMode: "plaintext"}; who has none is spoken to in mTLS. */
export const transportMetadata = "envoy.transport_socket_match";
export const tlsModeKey = "tlsMode";
export const plaintextTlsMode = "plaintext";

// Envoy goes by the type; the name is for people, and every cluster says it.
const plaintextSocket: TransportSocket = create(TransportSocketSchema, {
  name: "raw_buffer",
  configType: { case: "typedConfig", value: packed(RawBufferSchema, {}) },
});

export function plaintext(): TransportSocket {
  return plaintextSocket;
}

type San = MessageInitShape<typeof SubjectAltNameMatcherSchema>;

/** Both ends have the same certificate and roots; ROOTCA brings the SPIFFE validator, which checks by trust domain. */
function meshContext(alpnProtocols: readonly string[], peers: readonly San[]) {
  return {
    alpnProtocols: [...alpnProtocols],
    tlsParams: {
      tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_2,
      tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
    },
    tlsCertificateSdsSecretConfigs: [secret(certificateSecret)],
    validationContextType: {
      case: "combinedValidationContext",
      value: {
        defaultValidationContext: { matchTypedSubjectAltNames: [...peers] },
        validationContextSdsSecretConfig: secret(trustSecret),
      },
    },
  } as const satisfies MessageInitShape<typeof CommonTlsContextSchema>;
}

/**
 * @param alpn none for HTTP: Envoy then offers what the connection pool will speak
 */
export function meshClient(
  { serverName, servers }: Extract<ClientTls, { mode: "auto" | "mesh" }>,
  alpn: readonly string[],
): TransportSocket {
  return create(TransportSocketSchema, {
    name: "tls",
    configType: {
      case: "typedConfig",
      value: packed(UpstreamTlsContextSchema, {
        sni: serverName,
        commonTlsContext: meshContext(alpn, sansOf(servers)),
      }),
    },
  });
}

export function meshServer(alpn: readonly string[]): TransportSocket {
  return create(TransportSocketSchema, {
    name: "tls",
    configType: {
      case: "typedConfig",
      value: packed(DownstreamTlsContextSchema, {
        requireClientCertificate: true,
        commonTlsContext: meshContext(alpn, []),
      }),
    },
  });
}

function sansOf(servers: ServerIdentities): San[] {
  const sanType = SubjectAltNameMatcher_SanType.URI;
  if (servers.kind === "prefix") {
    return [{ sanType, matcher: { matchPattern: { case: "prefix", value: servers.prefix } } }];
  }
  return servers.ids.map((id) => ({ sanType, matcher: { matchPattern: { case: "exact", value: id } } }));
}
