/**
 * The file that an Envoy of ours starts from. Everything a mesh decides comes over ADS; here is only how the Envoy gets
 * there: who it is, where nodes are (a file that the agent rewrites), its identity (SDS from the agent's socket), and
 * what no discovery service can tell (limits, statistics, runtime). Pure: plain data in the JSON form of
 * envoy.config.bootstrap.v3.Bootstrap, so that starting an agent loads none of that message's many types.
 */
import type { SpiffeId } from "../../model/identity.ts";
import type { LocalAddress, Workload } from "../../model/workload.ts";
import { nameOfWorkload } from "../../model/workload.ts";
import { certificateSecret, trustSecret } from "../sds/secrets.ts";

export const xdsCluster = "xds-meshd";
export const sdsCluster = "sds-agent";

export interface BootstrapInput {
  readonly workload: Workload;
  readonly admin: LocalAddress;
  /** The agent's socket for this workload alone. */
  readonly sdsSocket: string;
  /** The file with nodes' xDS addresses and the directory that is watched for its replacement. */
  readonly xdsAddresses: { readonly path: string; readonly directory: string };
  readonly meshdId: SpiffeId;
}

type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json };

/** Both for the ADS stream and for SDS: back within seconds of any outage (Envoy's own default grows to 30 s). */
const retryPolicy: Json = { retry_back_off: { base_interval: "0.2s", max_interval: "2s" } };

export function bootstrapOf(input: BootstrapInput): Json {
  const { workload, admin } = input;
  const [region = "", zone = ""] = workload.locality.split("/");
  return {
    node: {
      id: nameOfWorkload(workload),
      cluster: workload.role === "sidecar" ? `${workload.service.name}.${workload.service.namespace}` : workload.name,
      locality: { region, zone },
    },
    admin: { address: socketAddress(admin), ignore_global_conn_limit: true },
    dynamic_resources: {
      ads_config: {
        api_type: "DELTA_GRPC",
        transport_api_version: "V3",
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: xdsCluster, retry_policy: retryPolicy } }],
      },
      // 0 s: an Envoy without its configuration waits for it, rather than report that it is ready.
      cds_config: { ads: {}, resource_api_version: "V3", initial_fetch_timeout: "0s" },
      lds_config: { ads: {}, resource_api_version: "V3", initial_fetch_timeout: "0s" },
    },
    static_resources: { clusters: [nodesCluster(input), agentCluster(input)] },
    stats_config: { stats_matcher: { exclusion_list: { patterns: unwantedStatistics } } },
    layered_runtime: {
      layers: [
        // A user's expression is limited in length (limits.regexCharacters), not by RE2's much smaller default of 100.
        {
          name: "weft",
          static_layer: { "re2.max_program_size.error_level": 32_768, "re2.max_program_size.warn_level": 32_768 },
        },
        { name: "admin", admin_layer: {} },
      ],
    },
    overload_manager: {
      resource_monitors: [
        {
          name: "envoy.resource_monitors.global_downstream_max_connections",
          typed_config: {
            "@type":
              "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
            max_active_downstream_connections: 50_000,
          },
        },
      ],
    },
  };
}

function nodesCluster({ xdsAddresses, meshdId }: BootstrapInput): Json {
  return {
    name: xdsCluster,
    type: "EDS",
    connect_timeout: "1s",
    lb_policy: "RANDOM",
    eds_cluster_config: {
      eds_config: {
        resource_api_version: "V3",
        path_config_source: { path: xdsAddresses.path, watched_directory: { path: xdsAddresses.directory } },
      },
    },
    // A node that vanished without closing is noticed within 4 s.
    typed_extension_protocol_options: http2({ connection_keepalive: { interval: "2s", timeout: "2s" } }),
    transport_socket: {
      name: "envoy.transport_sockets.tls",
      typed_config: {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        common_tls_context: {
          alpn_protocols: ["h2"],
          // As a client Envoy goes up to 1.2 only, unless told so.
          tls_params: { tls_minimum_protocol_version: "TLSv1_3", tls_maximum_protocol_version: "TLSv1_3" },
          tls_certificate_sds_secret_configs: [secret(certificateSecret)],
          combined_validation_context: {
            default_validation_context: {
              match_typed_subject_alt_names: [{ san_type: "URI", matcher: { exact: meshdId } }],
            },
            validation_context_sds_secret_config: secret(trustSecret),
          },
        },
      },
    },
  };
}

function agentCluster({ sdsSocket }: BootstrapInput): Json {
  return {
    name: sdsCluster,
    type: "STATIC",
    connect_timeout: "1s",
    typed_extension_protocol_options: http2({}),
    load_assignment: {
      cluster_name: sdsCluster,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: sdsSocket } } } }] }],
    },
  };
}

function secret(name: string): Json {
  return {
    name,
    sds_config: {
      resource_api_version: "V3",
      api_config_source: {
        api_type: "GRPC",
        transport_api_version: "V3",
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: sdsCluster, retry_policy: retryPolicy } }],
      },
    },
  };
}

function http2(options: Json): Json {
  return {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      explicit_http_config: { http2_protocol_options: options },
    },
  };
}

function socketAddress({ address, port }: LocalAddress): Json {
  return { socket_address: { address, port_value: port } };
}

/** Nobody reads them, and each is there once per cluster or listener: which cipher, curve and version every handshake had. */
const unwantedStatistics: Json = [
  { safe_regex: { regex: "^(cluster|listener)\\..*\\.ssl\\.(ciphers|curves|sigalgs|versions)\\..*" } },
  { safe_regex: { regex: "^cluster\\..*\\.(canary|internal|external|zone)\\..*" } },
];
