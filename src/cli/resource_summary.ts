/** One of Envoy's resources, as JSON, in the few words that a table has room for. Unknown shapes give no words. */
type Json = Readonly<Record<string, unknown>>;

export function resourceName(resource: Json): string {
  return textAt(resource, ["name"]) || textAt(resource, ["clusterName"]);
}

export function byName<Resource extends Json>(resources: readonly Resource[]): readonly Resource[] {
  return [...resources].sort((a, b) => (resourceName(a) < resourceName(b) ? -1 : 1));
}

export function resourceSummary(section: string, resource: Json): string {
  return summaries[section]?.(resource) ?? "";
}

const summaries: Readonly<Record<string, (resource: Json) => string>> = {
  cluster: (cluster) =>
    [textAt(cluster, ["type"]) || textAt(cluster, ["clusterType", "name"]), security(cluster)].join(" "),
  listener: (listener) => addressOf(at(listener, ["address"])),
  route: (route) => hostsOf(listAt(route, ["virtualHosts"]).map((host) => textAt(host, ["name"]))),
  endpoint: (assignment) =>
    listAt(assignment, ["endpoints"])
      .flatMap((locality) => listAt(locality, ["lbEndpoints"]))
      .map(endpointSummary)
      .join(", ") || "none",
  secret: (secret) => textAt(secret, ["source"]),
};

function security(cluster: Json): string {
  const matches = listAt(cluster, ["transportSocketMatches"]);
  return matches.length > 0 || at(cluster, ["transportSocket"]) !== undefined ? "mTLS where a sidecar answers" : "";
}

function endpointSummary(endpoint: unknown): string {
  const health = textAt(endpoint, ["healthStatus"]);
  const where = addressOf(at(endpoint, ["endpoint", "address"]));
  return health === "" || health === "HEALTHY" ? where : `${where} (${health.toLowerCase()})`;
}

const hostsShown = 3;

function hostsOf(names: readonly string[]): string {
  const more = names.length - hostsShown;
  return [...names.slice(0, hostsShown), ...(more > 0 ? [`and ${more} more`] : [])].join(", ");
}

function addressOf(address: unknown): string {
  const host = textAt(address, ["socketAddress", "address"]);
  const port = at(address, ["socketAddress", "portValue"]);
  return host === "" ? "" : `${host}:${String(port)}`;
}

function at(value: unknown, path: readonly string[]): unknown {
  let here = value;
  for (const step of path) here = typeof here === "object" && here !== null ? (here as Json)[step] : undefined;
  return here;
}

function textAt(value: unknown, path: readonly string[]): string {
  const found = at(value, path);
  return typeof found === "string" ? found : "";
}

function listAt(value: unknown, path: readonly string[]): readonly unknown[] {
  const found = at(value, path);
  return Array.isArray(found) ? found : [];
}
