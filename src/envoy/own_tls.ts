/** TLS of the user's own, and the PROXY protocol → transport sockets of a cluster. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type DataSourceSchema,
  type TransportSocket,
  TransportSocketSchema,
} from "#envoy/envoy/config/core/v3/base_pb.js";
import type { UpstreamHttpProtocolOptionsSchema } from "#envoy/envoy/config/core/v3/protocol_pb.js";
import { ProxyProtocolConfig_Version } from "#envoy/envoy/config/core/v3/proxy_protocol_pb.js";
import { ProxyProtocolUpstreamTransportSchema } from "#envoy/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js";
import {
  type CommonTlsContextSchema,
  UpstreamTlsContextSchema,
} from "#envoy/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import type { OwnTls } from "../model/traffic.ts";
import { type Init, packed } from "./any.ts";
import { optionalSecret } from "./config_source.ts";
import { nameMatcher } from "./name_matcher.ts";

/** ALPN is left to the connection pool, which says what it will speak. */
export function ownClient({ certificate, server, serverName }: OwnTls): TransportSocket {
  const value = packed(UpstreamTlsContextSchema, {
    ...(serverName === undefined ? {} : { sni: serverName }),
    commonTlsContext: {
      ...(certificate ? shown(certificate) : {}),
      ...(server ? { validationContextType: believed(server) } : {}),
    },
  });
  return create(TransportSocketSchema, { name: "tls", configType: { case: "typedConfig", value } });
}

/** What is taken from the request's Host, where nothing else is said; undefined: nothing is. */
export function fromHost({ server, serverName }: OwnTls): Init<typeof UpstreamHttpProtocolOptionsSchema> | undefined {
  const options = {
    ...(serverName === undefined ? { autoSni: true } : {}),
    ...(server?.names.length === 0 ? { autoSanValidation: true } : {}),
  };
  return Object.keys(options).length === 0 ? undefined : options;
}

const versions = { 1: ProxyProtocolConfig_Version.V1, 2: ProxyProtocolConfig_Version.V2 } as const;

/** The same socket, which says first who the caller is. */
export function announced(transportSocket: TransportSocket, version: 1 | 2): TransportSocket {
  const value = packed(ProxyProtocolUpstreamTransportSchema, {
    config: { version: versions[version] },
    transportSocket,
  });
  return create(TransportSocketSchema, { name: "proxy_protocol", configType: { case: "typedConfig", value } });
}

type Context = Init<typeof CommonTlsContextSchema>;

function shown(certificate: NonNullable<OwnTls["certificate"]>): Context {
  if ("secret" in certificate) return { tlsCertificateSdsSecretConfigs: [optionalSecret(certificate.secret)] };
  return {
    tlsCertificates: [{ certificateChain: file(certificate.chainFile), privateKey: file(certificate.keyFile) }],
  };
}

function believed({ roots, names }: NonNullable<OwnTls["server"]>): NonNullable<Context["validationContextType"]> {
  const matchTypedSubjectAltNames = names.map(nameMatcher);
  if ("file" in roots) {
    return { case: "validationContext", value: { trustedCa: file(roots.file), matchTypedSubjectAltNames } };
  }
  const validationContextSdsSecretConfig = optionalSecret(roots.secret);
  const defaultValidationContext = { matchTypedSubjectAltNames };
  return { case: "combinedValidationContext", value: { defaultValidationContext, validationContextSdsSecretConfig } };
}

function file(filename: string): MessageInitShape<typeof DataSourceSchema> {
  return { specifier: { case: "filename", value: filename } };
}
