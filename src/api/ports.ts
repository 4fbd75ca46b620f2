/**
 * What the API needs of the rest of a node, as interfaces that the wiring (meshd) fills; nothing here says how. The
 * store is store/store.ts's `Store`. What only the agents' listener needs stands in agents/ports.ts.
 */
import type { Delivery } from "../model/delivery.ts";
import type { EndpointShard, ServicePort } from "../model/endpoint.ts";
import type { HttpRequest } from "../model/http_request.ts";
import type { TrustDomain } from "../model/identity.ts";
import type { Namespace, ServiceRef, WorkloadName } from "../model/names.ts";
import type { ObjectRef, StoredResource } from "../model/object.ts";
import type { Problem } from "../model/problem.ts";
import type { Sealed, SecretContents } from "../model/secret.ts";
import type { Workload } from "../model/workload.ts";
import type { Clock } from "../platform/clock.ts";
import type { Logger, Secret } from "../platform/log.ts";
import type { Random } from "../platform/random.ts";
import type { OperationId, Sequence, Store, StoreRecord, StreamName } from "../store/store.ts";
import type { Topology } from "../telemetry/topology.ts";
import type { Backups } from "./backups.ts";

/** How far something goes in the two streams. */
export interface StreamPosition {
  readonly records: Sequence;
  readonly endpoints: Sequence;
}

/** A record that lives, and what it says. */
export interface Held<Value> {
  readonly record: StoreRecord;
  readonly value: Value;
}

/** What this node knows of one key: its record or tombstone, if it was ever written, and the value, if it lives. */
export interface Seen<Value> {
  readonly record: StoreRecord | undefined;
  readonly value: Value | undefined;
}

export interface MirrorChange {
  readonly stream: StreamName;
  /** Of the append that made it. */
  readonly sequence: Sequence;
  /** As they are now; `value` undefined: deleted. */
  readonly records: readonly StoreRecord[];
}

/** This node's copy of the truth. It may lag behind the leader; `waitFor` waits until it does not. */
export interface Mirror {
  object(ref: ObjectRef): Seen<StoredResource>;
  workload(namespace: Namespace, name: string): Seen<Workload>;
  shard(service: ServiceRef, source: string, shard: number): Seen<EndpointShard>;
  /** What operators said about what reaches the proxies. */
  delivery(): Seen<Delivery>;
  objects(): Iterable<Held<StoredResource>>;
  workloads(): Iterable<Held<Workload>>;
  /** Of one service, or of all. */
  shards(service?: ServiceRef): Iterable<Held<EndpointShard>>;
  position(): StreamPosition;
  /** Resolves when this node holds `position`; rejects with the signal's reason. */
  waitFor(position: StreamPosition, signal: AbortSignal): Promise<void>;
  /** @returns what ends the subscription. Called once per append, in stream order. */
  subscribe(listener: (change: MirrorChange) => void): () => void;
}

/** Keeps what is in Secrets from the store, under a key that never enters it. */
export interface Sealing {
  /** @param binding what the contents belong to; must be said again to open them. */
  seal(contents: Secret<SecretContents>, binding: string): Sealed;
  open(sealed: Sealed, binding: string): Secret<SecretContents>;
}

/** Compiles what the mesh would be after a change; nothing is stored. */
export interface Admission {
  /** Errors refuse the whole change; warnings are told and do not. */
  check(change: {
    readonly set: readonly StoredResource[];
    readonly remove: readonly ObjectRef[];
  }): Promise<readonly Problem[]>;
}

export interface PortConflict {
  readonly port: number;
  /** What else claims it, and as what: "tcp, claimed by agent-h1". */
  readonly because: string;
}

export type ClaimOutcome =
  | { readonly kind: "claimed" }
  | { readonly kind: "conflict"; readonly conflicts: readonly PortConflict[] };

/** The service actor's say on a service's ports: one protocol for one port. */
export interface Claims {
  /** Whether this node already holds exactly this claim; then no actor needs to be asked. */
  holds(service: ServiceRef, source: string, ports: readonly ServicePort[]): boolean;
  /** Replaces what `source` claims at `service`; no ports releases it. Asked again under one operation: done once. */
  claimPorts(
    service: ServiceRef,
    source: string,
    ports: readonly ServicePort[],
    signal: AbortSignal,
    operation?: OperationId,
  ): Promise<ClaimOutcome>;
}

export interface ProxyTypeStatus {
  /** What this node would have the proxy hold. */
  readonly version: string;
  /** What the proxy acknowledged last. */
  readonly acked: string;
  readonly nacked?: { readonly version: string; readonly message: string };
}

export interface ProxyStatus {
  /** NAME.NS */
  readonly proxy: string;
  /** Name of the node that serves it; "" when none is known to. */
  readonly meshd: string;
  readonly connected: boolean;
  /** cds, eds, lds, rds. */
  readonly types: Readonly<Record<string, ProxyTypeStatus>>;
  /** The newest revision that it acknowledged in all types; "" before the first. */
  readonly revision: string;
}

export type Distribution =
  | { readonly kind: "distributed"; readonly proxies: number }
  | {
      readonly kind: "refused";
      readonly refusals: readonly { readonly proxy: string; readonly type: string; readonly message: string }[];
    }
  /** It will not reach the proxies until somebody lets it go. */
  | { readonly kind: "held"; readonly holds: readonly Hold[] }
  /** The signal's time came first. */
  | { readonly kind: "pending"; readonly proxies: readonly string[] };

export type HoldReason = "frozen" | "drop" | "missing" | "quarantined";

/** Changes that are stored and do not reach the proxies. */
export interface Hold {
  /** frozen: an operator said so; drop: the brake; missing: the store lost it; quarantined: proxies refuse it. */
  readonly reason: HoldReason;
  readonly changes: number;
  readonly message: string;
  /** The command that lets them go. */
  readonly next: string;
}

/** What keeps changes from the proxies. */
export interface Brake {
  /** At this node; the others derive the same from the same records. */
  holds(): readonly Hold[];
}

export type ConfigSection = "cluster" | "listener" | "route" | "endpoint" | "secret" | "all";

export interface ProxyStatuses {
  readonly proxies: readonly ProxyStatus[];
  /** Nodes that did not answer: what is connected to them is missing here. */
  readonly silent: readonly string[];
}

export interface Proxies {
  /** Of all nodes. */
  status(): Promise<ProxyStatuses>;
  /** On all nodes. Never rejects because of the signal: it answers `pending`, with proxies and silent nodes by name. */
  waitDistributed(position: StreamPosition, signal: AbortSignal): Promise<Distribution>;
  /** What the proxy is told, as protobuf JSON by section; no private key is ever in it. undefined: not known here. */
  config(proxy: WorkloadName, section: ConfigSection): Readonly<Record<string, readonly object[]>> | undefined;
}

/** Why requests go where they go. */
export interface Explanations {
  /** What the workload's proxy does with the request and what made it so, as plain data. undefined: not known here. */
  why(workload: WorkloadName, request: HttpRequest): object | undefined;
}

export interface Tokens {
  create(
    options: { readonly lifetimeMs: number; readonly hostName?: string },
    signal: AbortSignal,
  ): Promise<{ readonly token: string; readonly id: string; readonly expiresAtMs: number }>;
}

export interface Member {
  readonly name: string;
  readonly state: "joining" | "alive" | "suspect" | "leaving" | "dead";
  readonly self: boolean;
  /** Wall time, ms. */
  readonly since: number;
}

export interface Members {
  list(): readonly Member[];
}

/** Who calls whom, from the fleet's own statistics. */
export interface TopologySource {
  topology(): Topology;
}

export interface Metrics {
  /** Prometheus text. */
  expose(): Promise<{ readonly contentType: string; readonly text: string }>;
}

export interface Finding {
  /** "node meshd-0", "certificate of reviews-v1.default" */
  readonly part: string;
  readonly state: "good" | "warning" | "failed";
  readonly message: string;
  /** What to do about it. */
  readonly next?: string;
}

export interface Health {
  /** Whether this node can do its work now; `reasons` says why not. */
  readiness(): { readonly ready: boolean; readonly reasons: readonly string[] };
  /** What this node and the others see of themselves, NATS, the agents, the proxies and their certificates. */
  findings(): Promise<readonly Finding[]>;
}

/** All of it: what each route is given. */
export interface ApiPorts {
  readonly nodeName: string;
  readonly trustDomain: TrustDomain;
  readonly store: Store;
  readonly mirror: Mirror;
  readonly admission: Admission;
  readonly sealing: Sealing;
  readonly claims: Claims;
  readonly proxies: Proxies;
  readonly explanations: Explanations;
  readonly tokens: Tokens;
  readonly members: Members;
  readonly topology: TopologySource;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly brake: Brake;
  /** Absent: this node takes and restores none. */
  readonly backups?: Backups;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}
