/** Listener item → envoy.config.listener.v3.Listener. Its statistics go by its address: stat_prefix stays unset. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { TrafficDirection } from "#envoy/envoy/config/core/v3/base_pb.js";
import type { FilterChainSchema } from "#envoy/envoy/config/listener/v3/listener_components_pb.js";
import { type Listener, Listener_DrainType, ListenerSchema } from "#envoy/envoy/config/listener/v3/listener_pb.js";
import { HttpConnectionManagerSchema } from "#envoy/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { FilterChain, ListenerItem } from "../compile/ir.ts";
import { duration, socketAddress } from "./any.ts";
import { listenerFilters, tcpFilters } from "./filter_order.ts";
import { connectionManager } from "./http_connection_manager.ts";
import { ownServer } from "./own_server.ts";
import { meshServer } from "./transport_socket.ts";

/**
 * How long a client may say nothing, or too little to tell (TLS is told by its first five bytes, HTTP by its first line),
 * before it is taken for what remains: plaintext, and TCP where a port may carry it. There every plaintext client of a
 * server that speaks first waits for so long, so it is short, but longer than a ClientHello takes that was lost and sent
 * again. In HTTP the client speaks first.
 */
const detectionMs = { http: 5_000, tcp: 1_000 };

export function listenerMessage({ name, address, direction, detect, chains }: ListenerItem): Listener {
  const inspectors = listenerFilters.filter(({ needed }) => detect[needed]);
  const mayBeTcp = chains.some(({ handler, match }) => handler.kind === "tcp" && !isOfTls(match));
  return create(ListenerSchema, {
    name,
    address: socketAddress(address),
    trafficDirection: direction === "inbound" ? TrafficDirection.INBOUND : TrafficDirection.OUTBOUND,
    // With it, a second Envoy that is told to listen here would take a share of the connections, and its own start or
    // the old one's end would lose them; without it the kernel refuses the second. Envoys have one worker: nothing is
    // to be balanced. (With more: connection_balance_config.exact_balance on ways out, whose connections are few and long.)
    enableReusePort: false,
    // The way out drains only when it changes, not because this host's health check fails.
    drainType: direction === "inbound" ? Listener_DrainType.DEFAULT : Listener_DrainType.MODIFY_ONLY,
    ...(inspectors.length > 0
      ? {
          listenerFilters: inspectors.map(({ filter }) => ({
            name: filter.name,
            configType: { case: "typedConfig", value: filter.config() } as const,
          })),
          listenerFiltersTimeout: duration(mayBeTcp ? detectionMs.tcp : detectionMs.http),
          continueOnListenerFiltersTimeout: true,
        }
      : {}),
    filterChains: chains.map(chainMessage),
  });
}

/** Its clients speak first. */
function isOfTls({ transport, serverNames }: FilterChain["match"]): boolean {
  return transport === "tls" || serverNames !== undefined;
}

function chainMessage({ name, match, tls, handler }: FilterChain): MessageInitShape<typeof FilterChainSchema> {
  const { transport, protocols, serverNames } = match;
  const filterChainMatch = {
    ...(transport ? { transportProtocol: transport === "tls" ? "tls" : "raw_buffer" } : {}),
    ...(protocols ? { applicationProtocols: [...protocols] } : {}),
    ...(serverNames ? { serverNames: [...serverNames] } : {}),
  };
  return {
    name,
    ...(transport || protocols || serverNames ? { filterChainMatch } : {}),
    ...(tls ? { transportSocket: tls.own ? ownServer(tls.alpn, tls.own) : meshServer(tls.alpn) } : {}),
    filters: filtersOf(handler),
  };
}

function filtersOf(handler: FilterChain["handler"]): MessageInitShape<typeof FilterChainSchema>["filters"] & object {
  if (handler.kind === "http") {
    const value = anyPack(HttpConnectionManagerSchema, connectionManager(handler));
    return [{ name: "envoy.filters.network.http_connection_manager", configType: { case: "typedConfig", value } }];
  }
  return tcpFilters.flatMap((filter) => {
    const value = filter.chain(handler);
    return value ? { name: filter.name, configType: { case: "typedConfig", value } as const } : [];
  });
}
