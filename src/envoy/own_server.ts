/**
 * The transport socket that ends TLS with certificates of the user's. Each is a secret that the gateway's agent has, so
 * that one that is missing or spoiled closes the connections of its own server and of no other.
 */
import { create } from "@bufbuild/protobuf";
import { type TransportSocket, TransportSocketSchema } from "#envoy/envoy/config/core/v3/base_pb.js";
import { TlsParameters_TlsProtocol } from "#envoy/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import { DownstreamTlsContextSchema } from "#envoy/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import type { OwnServerTls, TlsVersion } from "../model/gateway.ts";
import { packed } from "./any.ts";
import { optionalSecret } from "./config_source.ts";
import { nameMatcher } from "./name_matcher.ts";

const versions: Readonly<Record<TlsVersion, TlsParameters_TlsProtocol>> = {
  TLSV1_0: TlsParameters_TlsProtocol.TLSv1_0,
  TLSV1_1: TlsParameters_TlsProtocol.TLSv1_1,
  TLSV1_2: TlsParameters_TlsProtocol.TLSv1_2,
  TLSV1_3: TlsParameters_TlsProtocol.TLSv1_3,
};

export function ownServer(alpn: readonly string[], own: OwnServerTls): TransportSocket {
  const { certificates, clients, minVersion = "TLSV1_2", maxVersion = "TLSV1_3", cipherSuites } = own;
  const value = packed(DownstreamTlsContextSchema, {
    ...(clients ? { requireClientCertificate: clients.required } : {}),
    commonTlsContext: {
      alpnProtocols: [...alpn],
      tlsParams: {
        tlsMinimumProtocolVersion: versions[minVersion],
        tlsMaximumProtocolVersion: versions[maxVersion],
        cipherSuites: [...cipherSuites],
      },
      tlsCertificateSdsSecretConfigs: certificates.map(optionalSecret),
      ...(clients
        ? {
            validationContextType: {
              case: "combinedValidationContext",
              value: {
                defaultValidationContext: { matchTypedSubjectAltNames: clients.names.map(nameMatcher) },
                validationContextSdsSecretConfig: optionalSecret(clients.authorities),
              },
            } as const,
          }
        : {}),
    },
  });
  return create(TransportSocketSchema, { name: "tls", configType: { case: "typedConfig", value } });
}
