/** A sidecar's own items: its way in for each port, its HTTP way out, its declared TCP ways out. Pure. */
import type { AuthorizationPolicy, MutualTlsMode, PeerAuthentication } from "../model/policy.ts";
import { isHttp, type Protocol } from "../model/protocol.ts";
import type { RateLimit, RateLimitPolicy } from "../model/rate_limit.ts";
import { hostOfUpstream, type InboundPort, type SidecarWorkload, type Upstream } from "../model/workload.ts";
import { accessOf, policiesFor } from "./authorization.ts";
import { upstreamProtocol } from "./clusters.ts";
import type { HashOf } from "./hashing.ts";
import { chainsOf, inboundDetection, type Layer } from "./inbound_chains.ts";
import type { ClusterItem, Item, ListenerItem, RouteTableItem, TcpHandler } from "./ir.ts";
import {
  inboundCluster,
  inboundListener,
  inboundRoutes,
  outboundCluster,
  outboundName,
  upstreamListener,
  upstreamStatistics,
} from "./naming.ts";
import { mutualTlsMode } from "./peer_authentication.ts";
import { countedBy, rateLimitOf } from "./rate_limits.ts";
import { everyRequest } from "./routes.ts";
import type { Sidecars } from "./scope.ts";
import { sourceHash, type TcpWay } from "./tcp_routes.ts";
import { type WayIn, waysIn } from "./ways_in.ts";

export interface SidecarInput {
  readonly workload: SidecarWorkload;
  readonly sidecars: Sidecars;
  readonly peerAuthentications: readonly PeerAuthentication[];
  readonly authorizationPolicies: readonly AuthorizationPolicy[];
  /** For its service. */
  readonly rateLimits: readonly RateLimitPolicy[];
  /** Where a VirtualService sends what goes to the upstream; undefined: none says. */
  readonly routed: (upstream: Upstream) => TcpWay | undefined;
  readonly hashOf: HashOf;
}

export function sidecarItems(input: SidecarInput): readonly Item[] {
  const { workload } = input;
  const policies = policiesFor(input.authorizationPolicies, workload);
  const rateLimit = rateLimitOf(input.rateLimits);
  const ways = waysIn(workload, input.sidecars);
  const inbound = ways.flatMap((way) => {
    const mode = mutualTlsMode(input.peerAuthentications, workload, way.appPort);
    return inboundItems(ways, way, mode, { policies, rateLimit });
  });
  // Two service ports may lead to one application port.
  const items = new Map<string, Item>(inbound.map((item) => [`${item.type}\n${item.name}`, item]));
  return [
    ...items.values(),
    outboundListener(workload),
    ...workload.upstreams.map((upstream) => upstreamItem(upstream, input)),
  ];
}

/** What is asked of requests that come in. */
interface Admission {
  readonly policies: readonly AuthorizationPolicy[];
  readonly rateLimit: RateLimit | undefined;
}

function inboundItems(ways: readonly WayIn[], port: WayIn, mode: MutualTlsMode, admission: Admission): readonly Item[] {
  const cluster = applicationCluster(ways, port);
  const tcpAccess = accessOf(admission.policies, { number: port.appPort, layer: "tcp" });
  const statPrefix = inboundListener(port.port);
  const layer = layerOf(port.protocol);
  const chains = chainsOf({
    mode,
    layer,
    told: layerOf(port.told),
    http: { kind: "http", statPrefix, role: "inbound", routes: inboundRoutes(port.port), unknownHosts: false },
    tcp: {
      kind: "tcp",
      statPrefix,
      clusters: [{ name: cluster.name, weight: 100 }],
      ...(tcpAccess ? { access: tcpAccess } : {}),
    },
  });
  const listener: ListenerItem = {
    type: "listener",
    name: inboundListener(port.port),
    direction: "inbound",
    address: port.listen,
    detect: inboundDetection(mode, layer),
    chains,
  };
  return layer === "tcp" ? [cluster, listener] : [cluster, listener, inboundTable(port, cluster.name, admission)];
}

function layerOf(protocol: Protocol): Layer {
  if (protocol === "auto") return "either";
  return isHttp(protocol) ? "http" : "tcp";
}

/**
 * Policies and rate limits ride on the route table, not on the listener: Envoy reads it anew for every request, so a
 * policy holds from its next request on also on connections that were open before, and a listener does not drain for it.
 */
function inboundTable(port: InboundPort, cluster: string, { policies, rateLimit }: Admission): RouteTableItem {
  const access = accessOf(policies, { number: port.appPort, layer: "http" });
  return {
    type: "route",
    name: inboundRoutes(port.port),
    anyPort: true,
    ...(access ? { access } : {}),
    ...(rateLimit ? { rateLimit } : {}),
    virtualHosts: [
      {
        name: "application",
        domains: ["*"],
        routes: [
          {
            match: everyRequest,
            action: {
              kind: "forward",
              clusters: [{ name: cluster, weight: 100 }],
              timeoutMs: 0,
              // The application may close an idle connection just as a request goes out on it.
              retries: { attempts: 2, on: ["reset-before-request"], statusCodes: [], elsewhere: false },
              ...(rateLimit ? { countedBy: countedBy(rateLimit) } : {}),
            },
          },
        ],
      },
    ],
  };
}

/** As the port says; one that says nothing is spoken to as the caller spoke. */
function applicationCluster(ways: readonly WayIn[], { appPort, protocol, application, pool }: WayIn): ClusterItem {
  const declared = upstreamProtocol(protocol);
  const others = ways.filter((way) => way.appPort === appPort);
  const alone = new Set(others.map((way) => upstreamProtocol(way.protocol))).size === 1;
  const { asCaller, upgrade: _upgrade, ...limits } = pool;
  return {
    type: "cluster",
    name: inboundCluster(appPort, alone ? "" : declared),
    protocol: asCaller && declared !== "tcp" ? "downstream" : declared,
    balancer: "round-robin",
    pool: limits,
    upstream: application,
  };
}

function outboundListener(workload: SidecarWorkload): ListenerItem {
  return {
    type: "listener",
    name: outboundName,
    direction: "outbound",
    address: workload.outbound,
    detect: { tls: false, http: false },
    chains: [
      {
        name: "http",
        match: {},
        handler: {
          kind: "http",
          statPrefix: outboundName,
          role: "outbound",
          routes: outboundName,
          // Also with REGISTRY_ONLY: a ServiceEntry may come that goes where the Host says, and the listener stays as it is.
          unknownHosts: true,
        },
      },
    ],
  };
}

function upstreamItem(upstream: Upstream, { routed, hashOf }: SidecarInput): ListenerItem {
  const { port, listen } = upstream;
  const handler: TcpHandler = {
    kind: "tcp",
    statPrefix: upstreamStatistics(port),
    ...(routed(upstream) ?? ownWay(upstream, hashOf)),
  };
  return {
    type: "listener",
    name: upstreamListener(listen),
    direction: "outbound",
    address: listen,
    detect: { tls: false, http: false },
    chains: [{ name: "tcp", match: {}, handler }],
  };
}

function ownWay(upstream: Upstream, hashOf: HashOf): TcpWay {
  const [host, { port }] = [hostOfUpstream(upstream), upstream];
  return {
    clusters: [{ name: outboundCluster(port, "", host), weight: 100 }],
    ...sourceHash([hashOf({ host, port })]),
  };
}
