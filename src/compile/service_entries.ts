/**
 * What the ServiceEntries for one host come to. Callers of a namespace are meant by those that it is shown: its own, else
 * those of the namespace that has the oldest. Those of one namespace are read as one, the older first, as far as they are of
 * one location and find endpoints in one way. Pure.
 */
import { type SpiffeId, serviceAccountId, type TrustDomain } from "../model/identity.ts";
import type { Host, Namespace } from "../model/names.ts";
import type { DeclaredEndpoint, DeclaredPort, Resolution, ServiceEntry } from "../model/service_entry.ts";
import { isPublic, isVisible } from "../model/visibility.ts";
import type { Destination, Reach } from "./destination.ts";
import type { View } from "./destination_rules.ts";
import { byAge, compare, isWildcard } from "./hosts.ts";
import { type MergedEndpoint, portsTogether } from "./merge.ts";

/** Where an instance of an entry answers, and what tells it from the others. */
export interface EntryEndpoint extends DeclaredEndpoint {
  readonly id: string;
}

const reaches: Readonly<Record<Resolution, Reach>> = {
  none: "host",
  static: "endpoints",
  dns: "names",
  "dns-round-robin": "first-of-name",
  "dynamic-dns": "host",
};

/** Those that hold for callers of the view, the oldest first. */
export function entriesFor(entries: readonly ServiceEntry[], view: View): readonly ServiceEntry[] {
  const seen = entries.filter(({ exportTo }) => (view ? isVisible(exportTo, view) : isPublic(exportTo))).sort(byAge);
  const first = seen.find(({ namespace }) => namespace === view) ?? seen[0];
  return seen.filter(
    ({ namespace, resolution, location }) =>
      namespace === first?.namespace && resolution === first.resolution && location === first.location,
  );
}

/** Namespaces that may be meant by others than everybody is. */
export function viewsOfEntries(entries: readonly ServiceEntry[]): readonly Namespace[] {
  const owners = new Set(entries.map(({ namespace }) => namespace));
  if (owners.size <= 1 && entries.every(({ exportTo }) => isPublic(exportTo))) return [];
  const shownTo = entries.flatMap(({ exportTo }) => exportTo.filter((name) => name !== "*")) as Namespace[];
  return [...new Set([...owners, ...shownTo])].sort(compare);
}

export interface EntryInput {
  readonly host: Host;
  /** Those that hold; at least one. */
  readonly entries: readonly [ServiceEntry, ...ServiceEntry[]];
  readonly trustDomain: TrustDomain;
  /** WorkloadEntries that an entry's selector selects. */
  selected(entry: ServiceEntry): readonly EntryEndpoint[];
  /** Workloads of the mesh that it selects, by the ports of the entry. */
  workloads(entry: ServiceEntry): readonly MergedEndpoint[];
}

export function entryDestination(input: EntryInput): Destination {
  const { entries, trustDomain } = input;
  const [first] = entries;
  const isInside = first.location === "internal";
  const reach = reaches[first.resolution];
  const all = reach === "host" ? [] : entries.flatMap((entry) => endpointsOf(input, entry));
  const accounts = entries.flatMap((entry) =>
    instancesOf(input, entry).flatMap(({ serviceAccount }) =>
      serviceAccount === undefined ? [] : identityOf(first.namespace, serviceAccount, trustDomain),
    ),
  );
  return {
    namespace: first.namespace,
    reach,
    registered: false,
    addresses: entries.flatMap(({ addresses }) => addresses),
    ports: portsTogether(entries.flatMap(({ ports }) => ports.map(servicePort))),
    // Envoy takes one name of which it is to use the first address.
    endpoints: reach === "first-of-name" ? all.slice(0, 1) : all,
    servers: [...entries.flatMap(({ servers }) => servers), ...(isInside ? [] : accounts)],
  };
}

function endpointsOf(input: EntryInput, entry: ServiceEntry): readonly MergedEndpoint[] {
  const isInside = entry.location === "internal";
  const declared = instancesOf(input, entry).map((instance): MergedEndpoint => {
    const { id, address, weight, locality, network, labels, serviceAccount } = instance;
    const identity = serviceAccount !== undefined && identityOf(entry.namespace, serviceAccount, input.trustDomain);
    return {
      source: `serviceentry ${entry.name}`,
      id,
      address,
      ports: targetsOf(entry.ports, instance),
      health: "healthy",
      weight,
      locality,
      network,
      labels,
      ...(isInside && identity ? { identity } : {}),
    };
  });
  const workloads = entry.selector ? input.workloads(entry) : [];
  return [...declared, ...(isInside ? workloads : workloads.map(({ identity: _, ...endpoint }) => endpoint))];
}

function instancesOf({ host, selected }: EntryInput, entry: ServiceEntry): readonly EntryEndpoint[] {
  const { resolution, endpoints, selector } = entry;
  if (selector) {
    // A selector may find names where nobody asks DNS.
    return selected(entry).filter(({ isName }) => resolution !== "static" || !isName);
  }
  if (endpoints.length > 0 || resolution === "static" || isWildcard(host)) {
    return endpoints.map((endpoint, index) => ({ ...endpoint, id: String(index) }));
  }
  return [{ ...itself, address: host, id: "host" }];
}

const itself: DeclaredEndpoint = {
  address: "",
  isName: true,
  ports: {},
  labels: {},
  network: "",
  locality: "" as DeclaredEndpoint["locality"],
  weight: 1,
};

function servicePort({ name, port, protocol }: DeclaredPort): Omit<DeclaredPort, "target"> {
  return { name, port, protocol };
}

function targetsOf(ports: readonly DeclaredPort[], { ports: own }: DeclaredEndpoint): MergedEndpoint["ports"] {
  return Object.fromEntries(ports.map(({ name, port, target }) => [port, own[name] ?? target]));
}

function identityOf(namespace: Namespace, serviceAccount: string, trustDomain: TrustDomain): SpiffeId {
  return serviceAccountId(trustDomain, { namespace, serviceAccount });
}
