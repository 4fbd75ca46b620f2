/**
 * The graph's nodes of what callers are told: route tables, what Sidecars leave of them, and each workload's own items. Each
 * hands what it reads to one of the pure functions beside it. Kinds, from the destinations (destinations.ts) up:
 *
 *   rules, rule ─▶ hashing ─▶ hashers ─┐
 *   delegates, candidates, ports ─▶ hosts ─▶ shown ─▶ strangers ─▶ outbound (output, one a namespace with callers)
 *   ways in ─▶ own (output, one for each workload)
 */
import { covers } from "../model/host_pattern.ts";
import { type Host, type Namespace, rootNamespace, serviceHost, serviceKey, serviceOfHost } from "../model/names.ts";
import { objectKey } from "../model/object.ts";
import { destinationsOf, type VirtualService, type VirtualServiceRef } from "../model/route.ts";
import type { OutboundTrafficPolicy } from "../model/traffic.ts";
import { isPublic } from "../model/visibility.ts";
import {
  type GatewayWorkload,
  hostOfUpstream,
  type SidecarWorkload,
  type Upstream,
  type Workload,
} from "../model/workload.ts";
import { type LoggedSides, loggedSides, withAccessLog } from "./access_log.ts";
import { withDelegates } from "./delegates.ts";
import { meshView, type View } from "./destination_rules.ts";
import { type Destinations, reaching } from "./destinations.ts";
import { type GatewayInput, gatewayItems } from "./gateway.ts";
import { type Graph, NodeFamily, type Read } from "./graph.ts";
import { HashingNodes } from "./hashing_nodes.ts";
import { byAge, bySpecificity, compare, isWildcard } from "./hosts.ts";
import { type MeshInput, meshGateway } from "./input.ts";
import type { Item, RouteTableItem, VirtualHost } from "./ir.ts";
import { type Candidate, candidateFor, outboundTable, tcpCandidatesFor } from "./outbound_table.ts";
import { plainRoutes } from "./plain_words.ts";
import type { Services } from "./routes.ts";
import {
  type Caller,
  partsOf,
  type Scope,
  type ScopeName,
  type Sidecars,
  saysOfEgress,
  scopeName,
  scopeUnder,
  sees,
  sidecarName,
  sidecarsFor,
} from "./scope.ts";
import { sidecarItems } from "./sidecar.ts";
import { type Asked, askedOf, labelsIn, type Source, sourceFrom, sourceText } from "./source.ts";
import { type TcpWay, tcpWay } from "./tcp_routes.ts";
import { destinationVirtualHosts, nameVirtualHosts, otherHosts } from "./virtual_hosts.ts";
import { inboundOnly } from "./ways_in.ts";

/** A name that requests can be routed by: a service's, a ServiceEntry's, or one that a VirtualService made. */
type Unrouted =
  | { readonly is: "service"; readonly host: Host; readonly namespace: Namespace }
  /** The namespace is the one whose callers may write it short. */
  | { readonly is: "declared"; readonly host: Host; readonly namespace: Namespace | undefined }
  | { readonly is: "routed"; readonly host: string; readonly namespace: Namespace | undefined };

/** For whom it is what. */
type Known = Unrouted & {
  readonly candidates: readonly Candidate[];
  /** Namespaces that a VirtualService or ServiceEntry for it is shown to, not to all. */
  readonly shownTo: readonly string[];
  /** Whether routes for it ask of which namespace the caller is. */
  readonly asksNamespace: boolean;
  /** Namespaces whose callers may hash otherwise than the mesh's. */
  readonly hashers: readonly string[];
};

/** As a namespace sees it that has nothing of its own. */
type Shown = Known & {
  readonly hosts: readonly VirtualHost[];
};

export class Derivations {
  readonly #input: MeshInput;
  readonly #destinations: Destinations;
  readonly #candidates: NodeFamily<[string], readonly Candidate[]>;
  /** VirtualServices with what they delegate. */
  readonly #routers: NodeFamily<[string], VirtualService | undefined>;
  /** What the routes ask of callers. */
  readonly #asked: NodeFamily<[string], Asked>;
  readonly #hashing: HashingNodes;
  readonly #destinationHosts: NodeFamily<[Host, View, string, string, string], readonly VirtualHost[]>;
  readonly #nameHosts: NodeFamily<[string, View, string, string, string], readonly VirtualHost[]>;
  readonly #shown: NodeFamily<[], readonly Shown[]>;
  /** The table of a namespace that has nothing of its own. */
  readonly #strangers: NodeFamily<[], RouteTableItem>;
  readonly #scope: NodeFamily<[Namespace, ScopeName], Scope>;
  /** Of workloads of a namespace that have these labels. */
  readonly #logged: NodeFamily<[Namespace, string], LoggedSides>;
  readonly #waysIn: NodeFamily<[Namespace], Sidecars>;

  constructor(graph: Graph, input: MeshInput, destinations: Destinations) {
    this.#input = input;
    this.#destinations = destinations;
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
          http: from.http.length > 0,
          tcp: from.tcp.length > 0,
        }));
    });
    this.#routers = new NodeFamily(graph, "delegates", (read, key) => {
      const root = read(input.virtualServices.at(key));
      return root && withDelegates(root, (ref) => read(input.virtualServices.at(virtualServiceKey(ref))));
    });
    this.#asked = new NodeFamily(graph, "asked", (read, key) => askedOf(read(this.#routers.at(key))?.http ?? []));
    this.#hashing = new HashingNodes(graph, { destinations, routes: (read, key) => read(this.#routers.at(key)) });
    this.#destinationHosts = new NodeFamily(graph, "hosts", (read, host, view, virtualService, short, source) => {
      const declared = destinations.declared(read, host, view);
      if (!declared) return [];
      return destinationVirtualHosts({
        host,
        declared,
        virtualService: virtualService ? read(this.#routers.at(virtualService)) : undefined,
        short: short === "short",
        source: sourceFrom(source),
        ...this.#services(read, view),
      });
    });
    this.#nameHosts = new NodeFamily(graph, "hosts", (read, host, view, key, short, source) => {
      const virtualService = read(this.#routers.at(key));
      if (!virtualService) return [];
      return nameVirtualHosts({
        host: host as Host,
        virtualService,
        short: short === "short",
        source: sourceFrom(source),
        ...this.#services(read, view),
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
    this.#logged = new NodeFamily(graph, "logged", (read, namespace, labels) =>
      loggedSides(reaching(read, namespace, input.telemetries), {
        namespace,
        labels: sourceFrom(labels).labels,
      }),
    );
    this.#waysIn = new NodeFamily(graph, "ways in", (read, namespace) => inboundOnly(this.#sidecars(read, namespace)));
    this.#strangers = new NodeFamily(graph, "strangers", (read) =>
      this.#table(
        read,
        read(this.#shown.at()).flatMap(({ hosts }) => hosts),
      ),
    );
  }

  outbound(read: Read, namespace: Namespace): RouteTableItem {
    const shown = read(this.#shown.at());
    const isParticular = (one: Shown): boolean =>
      one.namespace === namespace ||
      one.asksNamespace ||
      one.shownTo.includes(namespace) ||
      one.hashers.includes(namespace);
    if (!shown.some(isParticular)) return read(this.#strangers.at());
    const hosts = shown.flatMap((one) => (isParticular(one) ? this.#hostsFor(read, one, namespace) : one.hosts));
    return this.#table(read, hosts);
  }

  /** Services first: a domain that is said twice stays with who said it first. */
  #show(read: Read): readonly Shown[] {
    const services = read(this.#input.services).map((service) => ({ host: serviceHost(service), service }));
    const declared = this.#destinations.declaredHosts(read);
    const known = new Set<string>([...services.map(({ host }) => host), ...declared]);
    const routed = read(this.#input.meshHosts).filter((host) => !known.has(host));
    const names: readonly Unrouted[] = [
      ...services.map(({ host, service }) => ({ is: "service", host, namespace: service.namespace }) as const),
      ...declared.map((host) => ({ is: "declared", host, namespace: serviceOfHost(host)?.namespace }) as const),
      ...routed.map((host) => ({ is: "routed", host, namespace: serviceOfHost(host as Host)?.namespace }) as const),
    ];
    return names.map((unrouted) => {
      const candidates = read(this.#candidates.at(unrouted.host));
      const shownTo = candidates.flatMap(({ exportTo }) => (isPublic(exportTo) ? [] : exportTo));
      const asksNamespace = candidates.some(({ key }) => read(this.#asked.at(key)).namespace);
      const views = unrouted.is === "declared" ? this.#destinations.ownViews(read, unrouted.host) : [];
      const destination = unrouted.is === "routed" ? undefined : unrouted.host;
      const hashers = this.#hashing.hashers(
        read,
        destination,
        candidates.map(({ key }) => key),
      );
      const name: Known = { ...unrouted, candidates, shownTo: [...shownTo, ...views], asksNamespace, hashers };
      return { ...name, hosts: this.#hostsFor(read, name) };
    });
  }

  /** @param namespace of the callers; undefined: one that has nothing of its own. */
  #hostsFor(read: Read, name: Known, namespace?: Namespace, scope?: Scope): readonly VirtualHost[] {
    const { host, namespace: of } = name;
    const candidate = candidateFor(name.candidates, { namespace, scope });
    const short = namespace !== undefined && of === namespace ? "short" : "";
    const view = namespace ?? meshView;
    const owner = this.#ownerOf(read, name, view);
    const caller: Source = { ...(namespace ? { namespace } : {}), labels: scope?.labels ?? {} };
    const source = candidate ? sourceText(read(this.#asked.at(candidate.key)), caller) : "";
    const hashes = namespace !== undefined && name.hashers.includes(namespace);
    if (name.is !== "routed" && owner !== undefined) {
      if (scope && !candidate && !sees(scope, owner, host)) return [];
      const own = hashes || (name.is === "declared" && this.#destinations.hasOwn(read, name.host, view));
      return read(this.#destinationHosts.at(name.host, own ? view : meshView, candidate?.key ?? "", short, source));
    }
    return candidate ? read(this.#nameHosts.at(host, hashes ? view : meshView, candidate.key, short, source)) : [];
  }

  /** The namespace of what callers of the view find under the name; undefined: nothing. */
  #ownerOf(read: Read, name: Unrouted, view: View): Namespace | undefined {
    if (name.is === "service") return name.namespace;
    return name.is === "declared" ? this.#destinations.declared(read, name.host, view)?.namespace : undefined;
  }

  #table(read: Read, hosts: readonly VirtualHost[]): RouteTableItem {
    return outboundTable([...hosts, otherHosts(read(this.#input.settings).outboundTrafficPolicy)]);
  }

  scopeOf(read: Read, caller: Caller): ScopeName {
    const sidecars = sidecarsFor(this.#sidecars(read, caller.namespace), caller).filter(saysOfEgress);
    return scopeName(sidecars, labelsIn(caller.labels, read(this.#input.sourceLabels)));
  }

  /** undefined: nothing narrows it, and no route asks for its labels. */
  #scopeFor(read: Read, caller: Caller): Scope | undefined {
    const name = this.scopeOf(read, caller);
    return name === "" ? undefined : read(this.#scope.at(caller.namespace, name));
  }

  #sidecars(read: Read, namespace: Namespace): Sidecars {
    const { sidecars } = this.#input;
    return { own: read(sidecars.at(namespace)), root: read(sidecars.at(rootNamespace)) };
  }

  /** Destinations that callers of the scope may reach: those that are seen, and those that seen routes lead to. */
  members(read: Read, namespace: Namespace, name: ScopeName): readonly Host[] {
    const scope = read(this.#scope.at(namespace, name));
    const services = read(this.#input.services).map((service) => ({
      host: serviceHost(service),
      owner: service.namespace,
    }));
    const declared = this.#destinations.declaredHosts(read).flatMap((host) => {
      const owner = this.#destinations.declared(read, host, namespace)?.namespace;
      return owner === undefined ? [] : { host, owner };
    });
    const all = [...services, ...declared];
    if (!scope.egress) return all.map(({ host }) => host);
    const there = new Set<string>(all.map(({ host }) => host));
    const seen = new Set(all.filter(({ host, owner }) => sees(scope, owner, host)).map(({ host }) => host));
    for (const { candidates } of read(this.#shown.at())) {
      const viewer = { namespace, scope };
      const http = candidateFor(candidates, viewer);
      const followed = new Set([...(http ? [http] : []), ...tcpCandidatesFor(candidates, viewer)]);
      const routes = [...followed].flatMap(({ key }) => read(this.#routers.at(key)) ?? []);
      for (const { host } of routes.flatMap(destinationsOf)) {
        if (there.has(host)) seen.add(host);
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
    const labels = Object.keys(workload.labels).sort(compare);
    const logged = read(this.#logged.at(namespace, sourceText({ namespace: false, labels }, workload)));
    if (workload.role === "sidecar") {
      const items = sidecarItems({
        workload,
        sidecars: read(this.#waysIn.at(namespace)),
        peerAuthentications: reaching(read, namespace, input.peerAuthentications),
        authorizationPolicies: reaching(read, namespace, input.authorizationPolicies),
        rateLimits: read(input.rateLimits.at(serviceKey(workload.service))),
        routed: this.#routed(read, workload),
        hashOf: this.#hashing.hashOf(read, namespace),
      });
      return withAccessLog(items, {
        logged,
        sideOf: ({ direction }) => (direction === "inbound" ? "server" : "client"),
      });
    }
    return withAccessLog(gatewayItems(this.gatewayInput(read, workload)), { logged, sideOf: () => "client" });
  }

  gatewayInput(read: Read, workload: GatewayWorkload): GatewayInput {
    const { gateways, gatewayBound, authorizationPolicies } = this.#input;
    return {
      workload,
      gateways: read(gateways),
      virtualServices: read(gatewayBound).flatMap((one) => read(this.#routers.at(virtualServiceKey(one))) ?? []),
      authorizationPolicies: reaching(read, workload.namespace, authorizationPolicies),
      services: this.#services(read, workload.namespace),
    };
  }

  /** By whose routes, if anybody's, a caller's requests for a host are routed; and as whom they know the caller. */
  routedBy(
    read: Read,
    caller: Caller,
    host: string,
  ): { readonly router: VirtualServiceRef | undefined; readonly source: Source } {
    const { namespace } = caller;
    const scope = this.#scopeFor(read, caller);
    const candidate = candidateFor(read(this.#candidates.at(host)), { namespace, scope });
    const router = candidate && read(this.#input.virtualServices.at(candidate.key));
    return { router, source: { namespace, labels: scope?.labels ?? {} } };
  }

  #routed(read: Read, workload: SidecarWorkload): (upstream: Upstream) => TcpWay | undefined {
    const { namespace, upstreams } = workload;
    // It has nothing to do with VirtualServices and Sidecars.
    if (upstreams.length === 0) return () => undefined;
    const scope = this.#scopeFor(read, workload);
    const services = this.#services(read, namespace);
    return (upstream) => {
      const candidates = read(this.#candidates.at(hostOfUpstream(upstream)));
      for (const { key } of tcpCandidatesFor(candidates, { namespace, scope })) {
        const tcp = read(this.#input.virtualServices.at(key))?.tcp ?? [];
        const way = tcpWay(tcp, { gateway: meshGateway, port: upstream.port, source: workload, ...services });
        if (way) return way;
      }
      return undefined;
    };
  }

  /** @param view of the callers. */
  #services(read: Read, view: View): Services {
    const { trafficPolicies, faultInjections } = this.#input;
    return {
      portsOf: (host) => this.#destinations.anyPorts(read, host),
      wordsOf: (host) => {
        const service = serviceOfHost(host);
        if (!service) return {};
        const key = serviceKey(service);
        return plainRoutes({ policies: read(trafficPolicies.at(key)), faults: read(faultInjections.at(key)) });
      },
      hashOf: this.#hashing.hashOf(read, view),
    };
  }
}

export function virtualServiceKey({ namespace, name }: VirtualServiceRef): string {
  return objectKey({ kind: "VirtualService", namespace, name });
}
