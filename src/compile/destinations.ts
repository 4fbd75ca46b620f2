/**
 * The graph's nodes of destinations, which are known by their host. Kinds, from the input up:
 *
 *   merge ─▶ ports ──────────┬▶ clusters
 *     ├────▶ identities ─────┤    ▲
 *     └────▶ assignment ─────┘    │
 *   rules ─▶ rule ────────────────┘
 *   assignment, endpoint candidates, rule ─▶ near
 *
 * All but a service of the mesh may be another one for some namespaces: a node's view says for whom. Read by derive.ts,
 * compiler.ts and scopes.ts.
 */
import type { ServicePort } from "../model/endpoint.ts";
import { covers } from "../model/host_pattern.ts";
import { type Host, type Namespace, rootNamespace, serviceHost, serviceKey, serviceOfHost } from "../model/names.ts";
import type { PeerAuthentication } from "../model/policy.ts";
import type { ServiceEntry } from "../model/service_entry.ts";
import { type DestinationRule, secretsOfRule, type TrafficSettings } from "../model/traffic.ts";
import { type AssignmentInput, answersOf, assignmentOf, endpointKey, hasLabels } from "./assignments.ts";
import { type AskedBy, clustersOf } from "./clusters.ts";
import {
  type Accepted,
  acceptedOf,
  type Declared,
  type Destination,
  declaredOf,
  type SubsetKey,
  serviceDestination,
  wholeDestination,
} from "./destination.ts";
import {
  type EffectiveRule,
  meshView,
  type RuleSubject,
  ruleFor,
  rulesFor,
  type View,
  viewsOf,
} from "./destination_rules.ts";
import { type CellFamily, type Graph, NodeFamily, type Read } from "./graph.ts";
import { compare } from "./hosts.ts";
import type { MeshInput } from "./input.ts";
import type { ClusterItem, EndpointsItem } from "./ir.ts";
import { type MergedEndpoint, mergeShards, portsTogether } from "./merge.ts";
import { type Near, NearnessNodes } from "./nearness_nodes.ts";
import { anyDisables, mutualTlsMode } from "./peer_authentication.ts";
import type { Places } from "./places.ts";
import { plainSettings } from "./plain_words.ts";
import type { Candidate } from "./priorities.ts";
import { type EntryEndpoint, entriesFor, entryDestination, viewsOfEntries } from "./service_entries.ts";
import { standpointOf } from "./standpoint.ts";

export class Destinations {
  readonly #input: MeshInput;
  readonly #merged: NodeFamily<[Host, View], Destination | undefined>;
  readonly #declared: NodeFamily<[Host, View], Declared | undefined>;
  readonly #views: NodeFamily<[Host], readonly Namespace[]>;
  readonly #accepted: NodeFamily<[Host, View], Accepted>;
  readonly #rules: NodeFamily<[Host], readonly DestinationRule[]>;
  readonly #rule: NodeFamily<[Host, View], EffectiveRule>;
  readonly #clusters: NodeFamily<[Host, View, AskedBy], readonly ClusterItem[]>;
  readonly #disabling: NodeFamily<[string], readonly PeerAuthentication[]>;
  readonly #assignment: NodeFamily<[Host, View, string, string], EndpointsItem>;
  /** The same with what orders them; only where a rule asks for it. */
  readonly #candidates: NodeFamily<[Host, View, string, string, string], readonly Candidate[]>;
  readonly #nearness: NearnessNodes;

  constructor(graph: Graph, input: MeshInput, places: Places) {
    this.#input = input;
    this.#merged = new NodeFamily(graph, "merge", (read, host, view) => this.#merge(read, host, view));
    this.#declared = new NodeFamily(graph, "ports", (read, host, view) => {
      const destination = read(this.#merged.at(host, view));
      return destination && declaredOf(destination);
    });
    this.#views = new NodeFamily(graph, "views", (read, host) => viewsOfEntries(read(input.entriesByHost.at(host))));
    this.#accepted = new NodeFamily(graph, "identities", (read, host, view) =>
      acceptedOf(read(this.#merged.at(host, view)) ?? { endpoints: [], servers: [] }),
    );
    this.#rules = new NodeFamily(graph, "rules", (read, host) => {
      const wildcards = read(input.wildcardRules).filter((rule) => covers(rule.host, host));
      return [...read(input.rulesByHost.at(host)), ...wildcards];
    });
    this.#rule = new NodeFamily(graph, "rule", (read, host, view) => {
      const unsaid = this.#unsaid(read, host);
      return ruleFor(read(this.#rules.at(host)), { ...this.#ruleSubject(read, host, view), unsaid });
    });
    this.#clusters = new NodeFamily(graph, "clusters", (read, host, view, by) => {
      const declared = this.declared(read, host, view);
      if (!declared) return [];
      return clustersOf({
        host,
        by,
        declared,
        accepted: read(this.#accepted.at(host, this.#meaning(read, host, view))),
        rule: read(this.#rule.at(host, view)),
        trustDomain: read(input.settings).trustDomain,
        localities: (port, subset) => this.#assigned(read, host, view, port, subset ?? wholeDestination).localities,
      });
    });
    this.#disabling = new NodeFamily(graph, "disabling", (read, namespace) => {
      const policies = reaching(read, namespace, input.peerAuthentications);
      return anyDisables(policies) ? policies : [];
    });
    this.#assignment = new NodeFamily(graph, "assignment", (read, host, view, port, subset) =>
      assignmentOf(this.#assignable(read, host, view, Number(port), subset)),
    );
    this.#candidates = new NodeFamily(graph, "endpoint candidates", (read, host, view, port, subset, labels) =>
      answersOf(this.#assignable(read, host, view, Number(port), subset)).map(({ of, locality, endpoint }) => ({
        locality,
        endpoint,
        stands: standpointOf(of, JSON.parse(labels) as readonly string[]),
      })),
    );
    this.#nearness = new NearnessNodes(graph, {
      places: places.cell,
      rules: (read, host) => this.rules(read, host),
      views: (read, host) => this.views(read, host),
      rule: (read, host, view) => this.rule(read, host, view),
      declared: (read, host, view) => this.declared(read, host, view),
      seen: (read, host, view, port, subset) => ({
        item: () => this.#assigned(read, host, view, port, subset),
        candidates: (labels) => {
          const meant = this.#meaning(read, host, view);
          return read(this.#candidates.at(host, meant, String(port), subsetText(subset), JSON.stringify(labels)));
        },
      }),
    });
  }

  /** Hosts of ServiceEntries that are no service's, sorted; to some callers they may be unknown. */
  declaredHosts(read: Read): readonly Host[] {
    return read(this.#input.entryHosts).filter((host) => !read(this.#declared.at(host, meshView))?.registered);
  }

  /** undefined: callers of the view find none. */
  declared(read: Read, host: Host, view: View): Declared | undefined {
    return read(this.#declared.at(host, this.#meaning(read, host, view)));
  }

  /** Ports that any caller may mean. undefined: nobody knows the host. */
  anyPorts(read: Read, host: Host): readonly ServicePort[] | undefined {
    const declared = this.declared(read, host, meshView);
    if (declared) return declared.ports;
    const entries = read(this.#input.entriesByHost.at(host));
    return entries.length === 0 ? undefined : portsTogether(entries.flatMap(({ ports }) => ports));
  }

  /** Namespaces whose callers may meet another destination, or another rule, than everybody does. */
  views(read: Read, host: Host): readonly Namespace[] {
    const all = [...viewsOf(read(this.#rules.at(host))), ...this.ownViews(read, host)];
    return [...new Set(all)].sort(compare);
  }

  /** Likewise, of the destination alone. */
  ownViews(read: Read, host: Host): readonly Namespace[] {
    if (read(this.#declared.at(host, meshView))?.registered) return [];
    return read(this.#views.at(host));
  }

  /** Whether callers of the view may meet another destination than everybody does. */
  hasOwn(read: Read, host: Host, view: View): boolean {
    return view !== meshView && this.ownViews(read, host).includes(view);
  }

  /** All that speak of it, to anybody. */
  rules(read: Read, host: Host): readonly DestinationRule[] {
    return read(this.#rules.at(host));
  }

  rule(read: Read, host: Host, view: View): EffectiveRule {
    return read(this.#rule.at(host, view));
  }

  /** Those of `rule`, as objects. */
  rulesFor(read: Read, host: Host, view: View): readonly DestinationRule[] {
    return rulesFor(this.rules(read, host), this.#ruleSubject(read, host, view));
  }

  clusters(read: Read, host: Host, view: View): readonly ClusterItem[] {
    return read(this.#clusters.at(host, view, "sidecar"));
  }

  /** As gateways are told of them: the same, where all ports say what they carry and no rule names a Secret. */
  gatewayClusters(read: Read, host: Host, view: View): readonly ClusterItem[] {
    const undeclared = this.declared(read, host, view)?.ports.some(({ protocol }) => protocol === "auto");
    const named = this.rules(read, host).some((rule) => secretsOfRule(rule).length > 0);
    return undeclared || named ? read(this.#clusters.at(host, view, "gateway")) : this.clusters(read, host, view);
  }

  /** Endpoints of each of its ports, for each of the subsets, where they are not in the clusters themselves. */
  assignments(read: Read, host: Host, view: View, subsets: readonly SubsetKey[]): readonly EndpointsItem[] {
    const declared = this.declared(read, host, view);
    if (declared?.reach !== "endpoints") return [];
    return declared.ports.flatMap(({ port }) =>
      subsets.map((subset) => this.#nearness.seenByNobody(read, host, view, port, subset)),
    );
  }

  /** Its endpoints as callers of other places see them, where they see them otherwise. */
  near(read: Read, host: Host): readonly Near[] {
    return this.#nearness.seen(read, host);
  }

  #ruleSubject(read: Read, host: Host, view: View): RuleSubject {
    const namespace = this.declared(read, host, view)?.namespace ?? serviceOfHost(host)?.namespace;
    return { host, namespace: namespace ?? rootNamespace, view };
  }

  /** What plain words say of a service. */
  #unsaid(read: Read, host: Host): TrafficSettings {
    const service = serviceOfHost(host);
    if (!service) return {};
    const { circuitBreakers, trafficPolicies } = this.#input;
    const key = serviceKey(service);
    return plainSettings({ breakers: read(circuitBreakers.at(key)), policies: read(trafficPolicies.at(key)) });
  }

  #assigned(read: Read, host: Host, view: View, port: number, subset: SubsetKey): EndpointsItem {
    return read(this.#assignment.at(host, this.#meaning(read, host, view), String(port), subsetText(subset)));
  }

  /** The view that a view shares its destination with. */
  #meaning(read: Read, host: Host, view: View): View {
    return this.hasOwn(read, host, view) ? view : meshView;
  }

  #merge(read: Read, host: Host, view: View): Destination | undefined {
    const service = serviceOfHost(host);
    const shards = service ? read(this.#input.shards.at(serviceKey(service))) : [];
    if (service && shards.length > 0) {
      const silentOf = (source: string) => read(this.#input.silentSources.at(source));
      const merged = mergeShards(shards, silentOf, this.#merged.at(host, view).last()?.endpoints);
      return serviceDestination(service.namespace, merged);
    }
    const [first, ...others] = entriesFor(read(this.#input.entriesByHost.at(host)), view);
    if (!first) return undefined;
    return entryDestination({
      host,
      entries: [first, ...others],
      trustDomain: read(this.#input.settings).trustDomain,
      selected: ({ namespace, selector }): readonly EntryEndpoint[] =>
        read(this.#input.workloadEntries.at(namespace))
          .filter(({ labels }) => hasLabels(labels, selector?.labels ?? {}))
          .map((entry) => ({ ...entry, id: `workloadentry ${entry.name}` }))
          .sort((a, b) => compare(a.id, b.id)),
      workloads: (entry) => this.#workloads(read, entry),
    });
  }

  /** The mesh's own that an entry selects. Each application port that an entry's port leads to is behind a port of theirs. */
  #workloads(read: Read, { namespace, selector, ports }: ServiceEntry): readonly MergedEndpoint[] {
    const services = read(this.#input.services).filter((service) => service.namespace === namespace);
    const endpoints = services.flatMap(
      (service) => read(this.#merged.at(serviceHost(service), meshView))?.endpoints ?? [],
    );
    return endpoints.flatMap((endpoint) => {
      if (endpoint.workload === undefined || !hasLabels(endpoint.labels, selector?.labels ?? {})) return [];
      const workload = read(this.#input.workloads.at(endpoint.workload));
      if (workload?.role !== "sidecar") return [];
      const answering = ports.flatMap(({ port, target }) => {
        const inbound = workload.inbound.find(({ appPort }) => appPort === target);
        const number = inbound && endpoint.ports[inbound.port];
        return number === undefined ? [] : [[port, number] as const];
      });
      return { ...endpoint, ports: Object.fromEntries(answering) };
    });
  }

  #assignable(read: Read, host: Host, view: View, port: number, subset: string): AssignmentInput {
    const destination = read(this.#merged.at(host, view));
    const { namespace = rootNamespace, registered = false, endpoints = [] } = destination ?? {};
    const policies = read(this.#disabling.at(namespace));
    const isDisabled = (endpoint: MergedEndpoint): boolean => {
      const target = endpoint.ports[port];
      if (target === undefined) return false;
      const workload = endpoint.workload ? read(this.#input.workloads.at(endpoint.workload)) : undefined;
      const ways = workload?.role === "sidecar" ? workload.inbound : [];
      // A ServiceEntry has port numbers of its own.
      const inbound = ways.find((way) => (registered ? way.port === port : way.listen.port === target));
      const subject = { namespace, labels: endpoint.labels };
      return mutualTlsMode(policies, subject, inbound?.appPort ?? target) === "disable";
    };
    const service = serviceOfHost(host);
    return {
      host,
      port,
      subset: subsetFrom(subset),
      endpoints,
      plaintext: new Set(policies.length === 0 ? [] : endpoints.filter(isDisabled).map(endpointKey)),
      unreachable: new Set(service ? read(this.#input.unreachable.at(serviceKey(service))) : []),
    };
  }
}

/** Policies of the namespace and of the root namespace. */
export function reaching<T>(read: Read, namespace: string, family: CellFamily<readonly T[]>): readonly T[] {
  const own = read(family.at(namespace));
  return namespace === rootNamespace ? own : [...own, ...read(family.at(rootNamespace))];
}

function subsetText({ name, labels }: SubsetKey): string {
  return JSON.stringify([name, Object.entries(labels).sort(([a], [b]) => compare(a, b))]);
}

function subsetFrom(text: string): SubsetKey {
  const [name, labels] = JSON.parse(text) as [string, [string, string][]];
  return { name, labels: Object.fromEntries(labels) };
}
