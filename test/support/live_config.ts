/** What an Envoy says that it was told over xDS: names out of its config_dump, as `proxy-config --live` prints it. */
interface Named {
  readonly name?: string;
  readonly cluster_name?: string;
}

/** envoy.admin.v3, the fields that name dynamic resources. */
export interface Envoy {
  readonly cluster: readonly { readonly dynamic_active_clusters?: readonly { readonly cluster: Named }[] }[];
  readonly listener: readonly { readonly dynamic_listeners?: readonly Named[] }[];
  readonly route: readonly { readonly dynamic_route_configs?: readonly { readonly route_config: Named }[] }[];
  readonly endpoint: readonly { readonly dynamic_endpoint_configs?: readonly { readonly endpoint_config: Named }[] }[];
}

export function liveNames({ cluster, listener, route, endpoint }: Envoy): Record<string, readonly string[]> {
  return {
    cluster: sorted(cluster.flatMap((dump) => dump.dynamic_active_clusters ?? []).map((one) => one.cluster)),
    listener: sorted(listener.flatMap((dump) => dump.dynamic_listeners ?? [])),
    route: sorted(route.flatMap((dump) => dump.dynamic_route_configs ?? []).map((one) => one.route_config)),
    endpoint: sorted(endpoint.flatMap((dump) => dump.dynamic_endpoint_configs ?? []).map((one) => one.endpoint_config)),
  };
}

function sorted(items: readonly Named[]): readonly string[] {
  return items.map(({ name, cluster_name }) => name ?? cluster_name ?? "").sort();
}
