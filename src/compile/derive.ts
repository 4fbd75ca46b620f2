/**
 * The graph's nodes: each hands what it reads to one of the pure functions beside it. Kinds, from the input up:
 *
 *   merge ─▶ ports ──────────┬▶ clusters ───────────┐
 *     ├────▶ identities ─────┘   ▲                  ├▶ service (output, one for each)
 *     └────▶ assignment ─────────│──────────────────┘
 *   rules ─▶ rule ───────────────┘
 *   delegates, candidates, ports ─▶ hosts ─▶ shown ─▶ strangers ─▶ outbound (output, one for each namespace with callers)
 *   own (output, one for each workload)
 */
import type { ServicePort } from "../model/endpoint.ts";
import type { SpiffeId } from "../model/identity.ts";
import {
  type Host,
  type Namespace,
  rootNamespace,
  type ServiceRef,
  serviceHost,
  serviceKey,
  serviceOfHost,
} from "../model/names.ts";
import { objectKey } from "../model/object.ts";
import type { AuthorizationPolicy, PeerAuthentication } from "../model/policy.ts";
import type { VirtualService, VirtualServiceRef } from "../model/route.ts";
import type { DestinationRule, OutboundTrafficPolicy } from "../model/traffic.ts";
import type { Workload } from "../model/workload.ts";
import { assignmentOf, endpointKey } from "./assignments.ts";
import { clustersOf } from "./clusters.ts";
import { withDelegates } from "./delegates.ts";
import { type EffectiveRule, ruleFor, type View } from "./destination_rules.ts";
import { gatewayItems } from "./gateway.ts";
import { type CellFamily, type Graph, NodeFamily, type Read } from "./graph.ts";
import { byAge, bySpecificity, compare, covers, isPublic, isWildcard } from "./hosts.ts";
import type { MeshInput } from "./input.ts";
import type { ClusterItem, EndpointsItem, Item, RouteTableItem, VirtualHost } from "./ir.ts";
import { type MergedService, mergeShards } from "./merge.ts";
import { type Candidate, candidateFor, outboundTable } from "./outbound_table.ts";
import { anyDisables, mutualTlsMode } from "./peer_authentication.ts";
import type { PortsOf } from "./routes.ts";
import {
  type Caller,
  partsOf,
  type Scope,
  type ScopeName,
  scopeName,
  scopeUnder,
  seesService,
  sidecarName,
  sidecarsFor,
} from "./scope.ts";
import { sidecarItems } from "./sidecar.ts";
import { type Asked, askedOf, labelsIn, type Source, sourceFrom, sourceText } from "./source.ts";
import { nameVirtualHosts, otherHosts, serviceVirtualHosts } from "./virtual_hosts.ts";

/** What one subset of one view selects, as a key. */
export interface SubsetKey {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The service itself. */
export const wholeService: SubsetKey = { name: "", labels: {} };

/** A name that requests can be routed by: a service's, or one that a VirtualService made. */
interface ShownName {
  readonly host: string;
  readonly service: ServiceRef | undefined;
  /** Whose callers may write it short. */
  readonly namespace: string | undefined;
  readonly candidates: readonly Candidate[];
}

/** As a namespace sees it that has nothing of its own. */
interface Shown extends ShownName {
  /** Namespaces that a VirtualService for it is shown to, not to all. */
  readonly shownTo: readonly string[];
  /** Whether routes for it ask of which namespace the caller is. */
  readonly asksNamespace: boolean;
  readonly hosts: readonly VirtualHost[];
}

export class Derivations {
  readonly #input: MeshInput;
  readonly #merged: NodeFamily<[string], MergedService | undefined>;
  readonly #ports: NodeFamily<[string], readonly ServicePort[] | undefined>;
  readonly #identities: NodeFamily<[string], readonly SpiffeId[]>;
  readonly #rules: NodeFamily<[string], readonly DestinationRule[]>;
  readonly #rule: NodeFamily<[string, View], EffectiveRule>;
  readonly #clusters: NodeFamily<[string, View], readonly ClusterItem[]>;
  readonly #disabling: NodeFamily<[string], readonly PeerAuthentication[]>;
  readonly #assignment: NodeFamily<[string, string, string], EndpointsItem>;
  readonly #candidates: NodeFamily<[string], readonly Candidate[]>;
  /** VirtualServices with what they delegate. */
  readonly #routers: NodeFamily<[string], VirtualService | undefined>;
  /** What the routes ask of callers. */
  readonly #asked: NodeFamily<[string], Asked>;
  readonly #serviceHosts: NodeFamily<[string, string, string, string], readonly VirtualHost[]>;
  readonly #nameHosts: NodeFamily<[string, string, string, string], readonly VirtualHost[]>;
  readonly #shown: NodeFamily<[], readonly Shown[]>;
  /** The table of a namespace that has nothing of its own. */
  readonly #strangers: NodeFamily<[], RouteTableItem>;
  readonly #scope: NodeFamily<[Namespace, ScopeName], Scope>;

  constructor(graph: Graph, input: MeshInput) {
    this.#input = input;
    this.#merged = new NodeFamily(graph, "merge", (read, key) => {
      const shards = read(input.shards.at(key));
      return shards.length === 0 ? undefined : mergeShards(shards, (source) => read(input.silentSources.at(source)));
    });
    this.#ports = new NodeFamily(graph, "ports", (read, key) => read(this.#merged.at(key))?.ports);
    this.#identities = new NodeFamily(graph, "identities", (read, key) => {
      const found = read(this.#merged.at(key))?.endpoints.flatMap(({ identity }) => identity ?? []);
      return [...new Set(found)].sort(compare);
    });
    this.#rules = new NodeFamily(graph, "rules", (read, key) => {
      const host = serviceHost(serviceOf(key));
      const wildcards = read(input.wildcardRules).filter((rule) => covers(rule.host, host));
      return [...read(input.rulesByHost.at(host)), ...wildcards];
    });
    this.#rule = new NodeFamily(graph, "rule", (read, key, view) => {
      const { namespace } = serviceOf(key);
      return ruleFor(read(this.#rules.at(key)), { host: serviceHost(serviceOf(key)), namespace, view });
    });
    this.#clusters = new NodeFamily(graph, "clusters", (read, key, view) =>
      clustersOf({
        service: serviceOf(key),
        ports: read(this.#ports.at(key)) ?? [],
        identities: read(this.#identities.at(key)),
        rule: read(this.#rule.at(key, view)),
        trustDomain: read(input.settings).trustDomain,
      }),
    );
    this.#disabling = new NodeFamily(graph, "disabling", (read, namespace) => {
      const policies = this.#reaching(read, namespace, input.peerAuthentications);
      return anyDisables(policies) ? policies : [];
    });
    this.#assignment = new NodeFamily(graph, "assignment", (read, key, port, subset) =>
      this.#assign(read, key, Number(port), subset),
    );
    this.#candidates = new NodeFamily(graph, "candidates", (read, host) => {
      const exact = read(input.meshByHost.at(host)).map((from) => ({ pattern: host, from }));
      const wider = read(input.meshWildcards).flatMap((from) =>
        from.hosts
          .filter((pattern) => pattern !== host && isWildcard(pattern) && covers(pattern, host))
          .map((pattern) => ({ pattern: pattern as string, from })),
      );
      return [...exact, ...wider]
        .sort((a, b) => bySpecificity(a.pattern, b.pattern) || byAge(a.from, b.from))
        .map(({ pattern, from }) => ({
          key: virtualServiceKey(from),
          namespace: from.namespace,
          host: pattern,
          exportTo: from.exportTo,
        }));
    });
    this.#routers = new NodeFamily(graph, "delegates", (read, key) => {
      const root = read(input.virtualServices.at(key));
      return root && withDelegates(root, (ref) => read(input.virtualServices.at(virtualServiceKey(ref))));
    });
    this.#asked = new NodeFamily(graph, "asked", (read, key) => askedOf(read(this.#routers.at(key))?.http ?? []));
    this.#serviceHosts = new NodeFamily(graph, "hosts", (read, key, virtualService, short, source) =>
      serviceVirtualHosts({
        service: serviceOf(key),
        ports: read(this.#ports.at(key)) ?? [],
        virtualService: virtualService ? read(this.#routers.at(virtualService)) : undefined,
        short: short === "short",
        source: sourceFrom(source),
        portsOf: this.#portsOf(read),
      }),
    );
    this.#nameHosts = new NodeFamily(graph, "hosts", (read, host, key, short, source) => {
      const virtualService = read(this.#routers.at(key));
      if (!virtualService) return [];
      return nameVirtualHosts({
        host: host as Host,
        virtualService,
        short: short === "short",
        source: sourceFrom(source),
        portsOf: this.#portsOf(read),
      });
    });
    this.#shown = new NodeFamily(graph, "shown", (read) => this.#show(read));
    this.#scope = new NodeFamily(graph, "scope", (read, namespace, name) => {
      const { sidecars, labels } = partsOf(name);
      const all = [...read(input.sidecars.at(namespace)), ...read(input.sidecars.at(rootNamespace))];
      const found = sidecars.flatMap((one) => all.find((sidecar) => sidecarName(sidecar) === one) ?? []);
      // With one of them gone its callers are about to move, and are served from this until they have.
      const before = found.length < sidecars.length ? this.#scope.at(namespace, name).last() : undefined;
      return before ?? scopeUnder(found, { namespace, labels });
    });
    this.#strangers = new NodeFamily(graph, "strangers", (read) =>
      this.#table(
        read,
        read(this.#shown.at()).flatMap(({ hosts }) => hosts),
      ),
    );
  }

  rules(read: Read, service: string): readonly DestinationRule[] {
    return read(this.#rules.at(service));
  }

  rule(read: Read, service: string, view: View): EffectiveRule {
    return read(this.#rule.at(service, view));
  }

  ports(read: Read, service: string): readonly ServicePort[] {
    return read(this.#ports.at(service)) ?? [];
  }

  clusters(read: Read, service: string, view: View): readonly ClusterItem[] {
    return read(this.#clusters.at(service, view));
  }

  /** Endpoints of each of its ports, for each of the subsets. */
  assignments(read: Read, service: string, subsets: readonly SubsetKey[]): readonly EndpointsItem[] {
    const keys = subsets.map(subsetText);
    return this.ports(read, service).flatMap(({ port }) =>
      keys.map((subset) => read(this.#assignment.at(service, String(port), subset))),
    );
  }

  outbound(read: Read, namespace: Namespace): RouteTableItem {
    const shown = read(this.#shown.at());
    const isParticular = (one: Shown): boolean =>
      one.namespace === namespace || one.asksNamespace || one.shownTo.includes(namespace);
    if (!shown.some(isParticular)) return read(this.#strangers.at());
    const hosts = shown.flatMap((one) => (isParticular(one) ? this.#hostsFor(read, one, namespace) : one.hosts));
    return this.#table(read, hosts);
  }

  /** Services first: a domain that is said twice stays with who said it first. */
  #show(read: Read): readonly Shown[] {
    const services = read(this.#input.services).map((service) => ({ host: serviceHost(service), service }));
    const known = new Set<string>(services.map(({ host }) => host));
    const others = read(this.#input.meshHosts).filter((host) => !known.has(host));
    const names: Omit<ShownName, "candidates">[] = [
      ...services.map((one) => ({ ...one, namespace: one.service.namespace })),
      ...others.map((host) => ({ host, service: undefined, namespace: serviceOfHost(host as Host)?.namespace })),
    ];
    return names.map((unnamed) => {
      const name = { ...unnamed, candidates: read(this.#candidates.at(unnamed.host)) };
      const shownTo = name.candidates.flatMap(({ exportTo }) => (isPublic(exportTo) ? [] : exportTo));
      const asksNamespace = name.candidates.some(({ key }) => read(this.#asked.at(key)).namespace);
      return { ...name, shownTo, asksNamespace, hosts: this.#hostsFor(read, name) };
    });
  }

  /** @param namespace of the callers; undefined: one that has nothing of its own. */
  #hostsFor(read: Read, name: ShownName, namespace?: Namespace, scope?: Scope): readonly VirtualHost[] {
    const { host, service, namespace: own } = name;
    const candidate = candidateFor(name.candidates, namespace, scope);
    const short = namespace !== undefined && own === namespace ? "short" : "";
    const hidden = scope && service && !candidate && !seesService(scope, service.namespace, host);
    if (hidden) return [];
    const caller: Source = { ...(namespace ? { namespace } : {}), labels: scope?.labels ?? {} };
    const source = candidate ? sourceText(read(this.#asked.at(candidate.key)), caller) : "";
    if (service) return read(this.#serviceHosts.at(serviceKey(service), candidate?.key ?? "", short, source));
    return candidate ? read(this.#nameHosts.at(host, candidate.key, short, source)) : [];
  }

  #table(read: Read, hosts: readonly VirtualHost[]): RouteTableItem {
    return outboundTable([...hosts, otherHosts(read(this.#input.settings).outboundTrafficPolicy)]);
  }

  scopeOf(read: Read, caller: Caller): ScopeName {
    const own = read(this.#input.sidecars.at(caller.namespace));
    const sidecars = sidecarsFor({ own, root: read(this.#input.sidecars.at(rootNamespace)) }, caller);
    return scopeName(sidecars, labelsIn(caller.labels, read(this.#input.sourceLabels)));
  }

  /** Services that callers of the scope may reach, by key: those that are seen, and those that seen routes lead to. */
  members(read: Read, namespace: Namespace, name: ScopeName): readonly string[] {
    const scope = read(this.#scope.at(namespace, name));
    const services = read(this.#input.services);
    if (!scope.egress) return services.map(serviceKey);
    const seen = new Set<string>();
    const there = new Set(services.map(serviceKey));
    for (const service of services) {
      if (seesService(scope, service.namespace, serviceHost(service))) seen.add(serviceKey(service));
    }
    for (const { candidates } of read(this.#shown.at())) {
      const candidate = candidateFor(candidates, namespace, scope);
      const routes = candidate && read(this.#routers.at(candidate.key));
      for (const { host } of routes?.http.flatMap(({ destinations }) => destinations) ?? []) {
        const service = serviceOfHost(host);
        if (service && there.has(serviceKey(service))) seen.add(serviceKey(service));
      }
    }
    return [...seen].sort(compare);
  }

  policyUnder(read: Read, namespace: Namespace, name: ScopeName): OutboundTrafficPolicy {
    const said = name === "" ? undefined : read(this.#scope.at(namespace, name)).outboundTrafficPolicy;
    return said ?? read(this.#input.settings).outboundTrafficPolicy;
  }

  scopedOutbound(read: Read, namespace: Namespace, name: ScopeName): RouteTableItem {
    const scope = read(this.#scope.at(namespace, name));
    const hosts = read(this.#shown.at()).flatMap((one) => this.#hostsFor(read, one, namespace, scope));
    return outboundTable([...hosts, otherHosts(this.policyUnder(read, namespace, name))]);
  }

  own(read: Read, workload: Workload): readonly Item[] {
    const input = this.#input;
    const { namespace } = workload;
    const authorizationPolicies: readonly AuthorizationPolicy[] = this.#reaching(
      read,
      namespace,
      input.authorizationPolicies,
    );
    if (workload.role === "sidecar") {
      return sidecarItems({
        workload,
        peerAuthentications: this.#reaching(read, namespace, input.peerAuthentications),
        authorizationPolicies,
        outboundTrafficPolicy: this.policyUnder(read, namespace, this.scopeOf(read, workload)),
      });
    }
    return gatewayItems({
      workload,
      gateways: read(input.gateways),
      virtualServices: read(input.gatewayBound).flatMap((one) => read(this.#routers.at(virtualServiceKey(one))) ?? []),
      authorizationPolicies,
      portsOf: this.#portsOf(read),
    });
  }

  /** Policies of the namespace and of the root namespace. */
  #reaching<T>(read: Read, namespace: string, family: CellFamily<readonly T[]>): readonly T[] {
    const own = read(family.at(namespace));
    return namespace === rootNamespace ? own : [...own, ...read(family.at(rootNamespace))];
  }

  #portsOf(read: Read): PortsOf {
    return (host) => {
      const service = serviceOfHost(host);
      return service ? read(this.#ports.at(serviceKey(service))) : undefined;
    };
  }

  #assign(read: Read, key: string, port: number, subset: string): EndpointsItem {
    const service = serviceOf(key);
    const endpoints = read(this.#merged.at(key))?.endpoints ?? [];
    const policies = read(this.#disabling.at(service.namespace));
    const plaintext =
      policies.length === 0
        ? []
        : endpoints.filter((endpoint) => {
            const target = endpoint.ports[port];
            if (target === undefined) return false;
            const workload = endpoint.workload ? read(this.#input.workloads.at(endpoint.workload)) : undefined;
            const inbound =
              workload?.role === "sidecar" ? workload.inbound.find((each) => each.port === port) : undefined;
            const subject = { namespace: service.namespace, labels: endpoint.labels };
            return mutualTlsMode(policies, subject, inbound?.appPort ?? target) === "disable";
          });
    return assignmentOf({
      host: serviceHost(service),
      port,
      subset: subsetFrom(subset),
      endpoints,
      plaintext: new Set(plaintext.map(endpointKey)),
      unreachable: new Set(read(this.#input.unreachable.at(key))),
    });
  }
}

function virtualServiceKey({ namespace, name }: VirtualServiceRef): string {
  return objectKey({ kind: "VirtualService", namespace, name });
}

/** The inverse of serviceKey. */
export function serviceOf(key: string): ServiceRef {
  const slash = key.indexOf("/");
  return { namespace: key.slice(0, slash) as Namespace, name: key.slice(slash + 1) };
}

function subsetText({ name, labels }: SubsetKey): string {
  return JSON.stringify([name, Object.entries(labels).sort(([a], [b]) => compare(a, b))]);
}

function subsetFrom(text: string): SubsetKey {
  const [name, labels] = JSON.parse(text) as [string, [string, string][]];
  return { name, labels: Object.fromEntries(labels) };
}
