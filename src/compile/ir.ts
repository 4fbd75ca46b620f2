/**
 * The intermediate representation: what a proxy must do, in the words of proxies, before any one proxy's own format.
 * Layers are made of these items. Immutable plain data; two items that say the same are interchangeable.
 */
import type { OwnServerTls } from "../model/gateway.ts";
import type { SpiffeId } from "../model/identity.ts";
import type { Locality } from "../model/names.ts";
import type { SourceMatch, ValueSet } from "../model/policy.ts";
import type { RateLimit } from "../model/rate_limit.ts";
import type {
  Cors,
  Fault,
  FixedResponse,
  HeaderChanges,
  QueryMatch,
  Redirect,
  Rewrite,
  StringMatch,
} from "../model/route.ts";
import type {
  ConnectionPool,
  HashKey,
  HashTable,
  HealthCheck,
  OutlierDetection,
  OwnTls,
  RetryBudget,
  Warmup,
} from "../model/traffic.ts";
import type { LocalAddress } from "../model/workload.ts";

export type Item = ClusterItem | EndpointsItem | RouteTableItem | ListenerItem;
export type ItemType = Item["type"];

/** What is spoken to a cluster: "downstream" is whatever the caller spoke. */
export type UpstreamProtocol = "http1" | "http2" | "downstream" | "tcp";
export type Balancer = "round-robin" | "least-request" | "random" | HashTable;

/** What is left of it once it is decided what is spoken. */
export type PoolLimits = Omit<ConnectionPool, "upgrade" | "asCaller">;

export interface ClusterItem {
  readonly type: "cluster";
  readonly name: string;
  readonly protocol: UpstreamProtocol;
  readonly balancer: Balancer;
  /** Localities get the shares that the endpoints item says. */
  readonly localityShares?: true;
  readonly warmup?: Warmup;
  readonly pool: PoolLimits;
  readonly outliers?: OutlierDetection;
  readonly retryBudget?: RetryBudget;
  readonly healthCheck?: ClusterHealthCheck;
  readonly upstream: ClusterUpstream;
}

/** @see HealthCheck */
export interface ClusterHealthCheck extends HealthCheck {
  /** Whom it asks for. */
  readonly host: string;
}

export type ClusterUpstream =
  /** The endpoints item of the same name. */
  | { readonly kind: "endpoints"; readonly tls: ClientTls; readonly proxyProtocol?: 1 | 2 }
  | ApplicationUpstream
  /** Its own, whose addresses may be names. All that DNS answers are used, or the first for each new connection. */
  | {
      readonly kind: "names";
      readonly answers: "all" | "first";
      readonly localities: readonly LocalityEndpoints[];
      readonly tls: ClientTls;
      readonly proxyProtocol?: 1 | 2;
    }
  /** Whatever the request's Host resolves to. */
  | { readonly kind: "dns"; readonly tls: ClientTls; readonly proxyProtocol?: 1 | 2 };

/** The application beside the proxy. */
export type ApplicationUpstream =
  /** Absent: 127.0.0.1. */
  | { readonly kind: "application"; readonly port: number; readonly address?: string }
  /** A Unix socket. */
  | { readonly kind: "socket"; readonly path: string };

export type ClientTls =
  | { readonly mode: "plaintext" }
  /** To every endpoint, whatever it is marked as. */
  | { readonly mode: "own"; readonly tls: OwnTls }
  | {
      /** "auto": to endpoints that are not marked as plaintext; "mesh": to every endpoint. */
      readonly mode: "auto" | "mesh";
      readonly serverName: string;
      /** Who may answer. */
      readonly servers: ServerIdentities;
    };

export type ServerIdentities =
  | { readonly kind: "exactly"; readonly ids: readonly SpiffeId[] }
  /** No endpoint has said who it is: anybody whose ID begins so. */
  | { readonly kind: "prefix"; readonly prefix: string };

export interface EndpointsItem {
  readonly type: "endpoints";
  /** That of its cluster. */
  readonly name: string;
  /** By locality name, one in several priorities by these. Empty: the service is there and nobody answers. */
  readonly localities: readonly LocalityEndpoints[];
}

export interface LocalityEndpoints {
  readonly locality: Locality;
  /** Used when too many of those with a lower one are ill; from 0 without gaps. Absent: 0. */
  readonly priority?: number;
  /** Its share beside the other localities, ≥ 1; said by all or none. */
  readonly share?: number;
  readonly endpoints: readonly ReachableEndpoint[];
}

export interface ReachableEndpoint {
  readonly address: string;
  readonly port: number;
  readonly health: "healthy" | "unhealthy" | "draining";
  /** ≥ 1 */
  readonly weight: number;
  /**
   * It has no mesh identity, or takes no mTLS on this port. Said of each, also where the cluster is in plaintext: endpoints
   * may arrive before their cluster's next form.
   */
  readonly plaintext?: true;
}

export interface RouteTableItem {
  readonly type: "route";
  readonly name: string;
  /** Whether the Host's port says nothing about which virtual host is meant. */
  readonly anyPort: boolean;
  /** Who may send what; absent: everybody everything. Read for every request, also on connections opened before. */
  readonly access?: Access;
  /** How many requests are let in; forwarding routes say which of the limits count them. */
  readonly rateLimit?: RateLimit;
  readonly virtualHosts: readonly VirtualHost[];
}

export interface VirtualHost {
  readonly name: string;
  /** Lower case; unique in their table. */
  readonly domains: readonly string[];
  /** The first that matches; none: 404. */
  readonly routes: readonly Route[];
}

export interface Route {
  readonly name?: string;
  /** It has statistics of its own under this name. */
  readonly statPrefix?: string;
  readonly match: RouteMatch;
  readonly action: RouteAction;
  readonly headers?: HeaderChanges;
  readonly fault?: Fault;
  readonly cors?: Cors;
}

export type RouteMatch =
  | { readonly kind: "connect" }
  | {
      readonly kind: "request";
      readonly path: PathMatch;
      readonly headers: readonly RouteHeaderMatch[];
      readonly query?: readonly QueryMatch[];
    };

export interface PathMatch {
  readonly kind: "exact" | "prefix" | "regex";
  readonly value: string;
  readonly ignoreCase: boolean;
}

export interface RouteHeaderMatch {
  /** Lower case; :method and :authority too. */
  readonly name: string;
  readonly match: StringMatch;
  /** The header is absent, or does not match. */
  readonly invert: boolean;
}

export type RouteAction =
  | {
      readonly kind: "forward";
      /** At least one; weights add up to something. A cluster that is not there answers 503. */
      readonly clusters: readonly WeightedCluster[];
      readonly rewrite?: Rewrite;
      readonly mirrors?: readonly { readonly cluster: string; readonly percent: number }[];
      /** 0: none. */
      readonly timeoutMs: number;
      readonly retries?: Retries;
      /** Of each of the table's rate limits: it counts requests that match all of these. */
      readonly countedBy?: readonly (readonly RouteHeaderMatch[])[];
      /** By what an endpoint is chosen in clusters that hash; at least one. */
      readonly hash?: readonly HashKey[];
    }
  | FixedResponse
  | (Omit<Redirect, "port"> & { readonly port?: number });

export interface WeightedCluster {
  readonly name: string;
  readonly weight: number;
  readonly headers?: HeaderChanges;
  /** The Host that it is sent. */
  readonly host?: string;
}

export interface Retries {
  readonly attempts: number;
  /** Envoy's words, in order. */
  readonly on: readonly string[];
  readonly statusCodes: readonly number[];
  readonly perTryTimeoutMs?: number;
  /** Prefer an endpoint that was not tried. */
  readonly elsewhere: boolean;
  /** Prefer a locality that was not tried. */
  readonly remoteLocalities?: true;
  /** Of the first wait; the longest is ten times as long. */
  readonly backoffMs?: number;
}

export interface ListenerItem {
  readonly type: "listener";
  readonly name: string;
  readonly direction: "inbound" | "outbound";
  readonly address: LocalAddress;
  /** What must be found out about a connection's first bytes before a chain can be chosen. */
  readonly detect: { readonly tls: boolean; readonly http: boolean };
  /** The most specific that matches; none: the connection is closed. */
  readonly chains: readonly FilterChain[];
}

export interface FilterChain {
  readonly name: string;
  readonly match: {
    readonly transport?: "tls" | "plaintext";
    /** ALPN names the client offers, or what the HTTP inspector found. */
    readonly protocols?: readonly string[];
    /** Hosts and *.SUFFIXes that the client of TLS names; the most specific wins before all else. */
    readonly serverNames?: readonly string[];
  };
  /** Absent: it is not ended here. */
  readonly tls?: ChainTls;
  readonly handler: HttpHandler | TcpHandler;
}

/** Without `own`: mTLS with the workload's identity; a client certificate is required. */
export interface ChainTls {
  readonly alpn: readonly string[];
  readonly own?: OwnServerTls;
}

interface Handler {
  /** Each of its requests, or connections, is told by a line. */
  readonly accessLog?: true;
}

export interface HttpHandler extends Handler {
  readonly kind: "http";
  readonly statPrefix: string;
  readonly role: "inbound" | "outbound" | "gateway";
  /** Name of its route table. */
  readonly routes: string;
  /** Whether routes may lead to "dns" clusters. */
  readonly unknownHosts: boolean;
}

export interface TcpHandler extends Handler {
  readonly kind: "tcp";
  readonly statPrefix: string;
  /** At least one; weights add up to something. A cluster that is not there ends the connection. */
  readonly clusters: readonly TcpCluster[];
  /** An endpoint is chosen by the caller's address; the cluster hashes. */
  readonly hashSource?: true;
  readonly access?: Access;
}

export type TcpCluster = Pick<WeightedCluster, "name" | "weight">;

/**
 * What the workload's policies mean on one port. A request that a DENY rule matches is refused; then, if there is any
 * ALLOW policy, one that no ALLOW rule matches.
 */
export interface Access {
  readonly deny: readonly AccessRule[];
  /** Absent: no ALLOW policy. Empty: nobody may. */
  readonly allow?: readonly AccessRule[];
  /** Some rule reads paths: a path that applications read in more than one way is refused. */
  readonly plainPathsOnly: boolean;
  /** Some rule reads hosts: a Host that is not one name or address with a port at most is refused. */
  readonly plainHostsOnly: boolean;
}

/** From any of `from` and to any of `to`; an empty list does not constrain. */
export interface AccessRule {
  /** namespace/policy/rule number; unique in its list. */
  readonly name: string;
  readonly from: readonly SourceMatch[];
  readonly to: readonly RequestMatch[];
}

/** What is left of an operation once its ports are decided. On TCP nothing is. */
export interface RequestMatch {
  readonly hosts: ValueSet;
  readonly methods: ValueSet;
  readonly paths: ValueSet;
}
