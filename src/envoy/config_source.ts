/** Where an Envoy of ours finds what a resource names: meshd over ADS, or its agent over SDS. */
import { create } from "@bufbuild/protobuf";
import {
  ApiConfigSource_ApiType,
  ApiVersion,
  type ConfigSource,
  ConfigSourceSchema,
} from "#envoy/envoy/config/core/v3/config_source_pb.js";
import {
  type SdsSecretConfig,
  SdsSecretConfigSchema,
} from "#envoy/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import type { SecretName } from "../model/secret_name.ts";
import { limits } from "../platform/limits.ts";
import { duration, type Init } from "./any.ts";

/** The workload's own certificate, and the roots it trusts: constants, so that no shared byte holds an identity. */
export const certificateSecret = "default";
export const trustSecret = "ROOTCA";
/** A static cluster of the bootstrap that the agent writes. */
export const sdsCluster = "sds-agent";

export function ads(): ConfigSource {
  return create(ConfigSourceSchema, {
    resourceApiVersion: ApiVersion.V3,
    configSourceSpecifier: { case: "ads", value: {} },
    // An Envoy waits for what it asked for rather than serve without it; every name is answered.
    initialFetchTimeout: duration(0),
  });
}

/** Says the same as the bootstrap does for the ADS connection's own certificate, so that Envoy subscribes once. */
export function secret(name: string): SdsSecretConfig {
  return create(SdsSecretConfigSchema, { name, sdsConfig: agentSource() });
}

/** One that may not be there: a listener or cluster waits for it a while. */
export function optionalSecret(name: SecretName): SdsSecretConfig {
  const sdsConfig = { ...agentSource(), initialFetchTimeout: duration(limits.secretWaitMs) };
  return create(SdsSecretConfigSchema, { name, sdsConfig });
}

function agentSource(): Init<typeof ConfigSourceSchema> {
  const retryPolicy = { retryBackOff: { baseInterval: duration(200), maxInterval: duration(2_000) } };
  return {
    resourceApiVersion: ApiVersion.V3,
    configSourceSpecifier: {
      case: "apiConfigSource",
      value: {
        apiType: ApiConfigSource_ApiType.GRPC,
        transportApiVersion: ApiVersion.V3,
        setNodeOnFirstMessageOnly: true,
        grpcServices: [{ targetSpecifier: { case: "envoyGrpc", value: { clusterName: sdsCluster, retryPolicy } } }],
      },
    },
  };
}
