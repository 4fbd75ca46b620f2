/**
 * A service's owner (its id is ns/name): which ports the service has. Each source (an agent's host, the API, a registry)
 * claims the whole of what it serves; the service's ports are the union. One port number has one protocol: a source that
 * says otherwise is refused and told who said so first, and keeps what it had claimed before. And which of its endpoints
 * cannot be reached, as other hosts' proxies find (service_verdicts.ts).
 */
import type { ServicePort } from "../../model/endpoint.ts";
import type { Namespace } from "../../model/names.ts";
import type { Protocol } from "../../model/protocol.ts";
import {
  boolean,
  type Decode,
  type Decoded,
  integer,
  list,
  literal,
  object,
  oneOf,
  text,
  union,
} from "../../platform/decode.ts";
import { invariant } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
import { serviceRecord } from "../../store/keys.ts";
import type { ActorKind, Turn, TurnContext } from "../runtime/kind.ts";
import { emptyHands } from "../runtime/kind.ts";
import {
  decodeReports,
  decodeVerdicts,
  expired,
  type Judgement,
  nextEndMs,
  type Observation,
  observation,
  observed,
} from "./service_verdicts.ts";

const decodeProtocol: Decode<Protocol> = oneOf("http", "http2", "grpc", "tcp", "tls", "https", "auto");
const decodePort: Decode<ServicePort> = object({ name: text(63), port: integer(1, 65_535), protocol: decodeProtocol });
const decodePorts = list(decodePort, limits.servicePorts);

const decodeClaim = object({ source: text(253), ports: decodePorts });

/** What one source serves of a service, by its own word. */
export type Claim = Decoded<typeof decodeClaim>;

const decodeState = object(
  {
    format: literal(1),
    /** One for each source that claims anything, by the source's name. A list: a source's name may be any text. */
    claims: list(decodeClaim, limits.serviceSources),
  },
  { reports: decodeReports, verdicts: decodeVerdicts },
);

export type ServiceState = Decoded<typeof decodeState>;

const decodeRequest = union("type", {
  /**
   * The whole of what `source` serves; replaces what it claimed before, or changes nothing. `remember`: the operation is
   * kept also when nothing changes, so that it undoes nothing when it comes once more, late.
   */
  claimPorts: object({ source: text(253), ports: decodePorts }, { remember: boolean }),
  releaseSource: object({ source: text(253) }, { remember: boolean }),
  /** What a host's proxies found of the service's endpoints. */
  observed: object(observation),
  /** A verdict's time is up. */
  wake: object({}),
});

export type ServiceRequest = Decoded<typeof decodeRequest>;

const decodeReply = union("kind", {
  /** The service's ports now, by number. */
  ok: object({ ports: list(decodePort) }),
  /** `port` is claimed with `existing` by the source `by`; `claimed` was refused. */
  conflict: object({ port: integer(), existing: decodeProtocol, claimed: decodeProtocol, by: text(253) }),
  full: object({ message: text(256) }),
});

export type ServiceReply = Decoded<typeof decodeReply>;

export interface ServiceTypes {
  readonly State: ServiceState;
  readonly Request: ServiceRequest;
  readonly Message: ServiceRequest;
  readonly Reply: ServiceReply;
  readonly Effect: never;
}

/** The union of all claims, by number. Of two names for one port and protocol, the one of the first source by name. */
export function portsOf(claims: readonly Claim[]): readonly ServicePort[] {
  const byNumber = new Map<number, ServicePort>();
  for (const port of claims.flatMap(({ ports }) => ports)) if (!byNumber.has(port.port)) byNumber.set(port.port, port);
  return [...byNumber.values()].sort((a, b) => a.port - b.port);
}

type Conflict = Extract<ServiceReply, { readonly kind: "conflict" }>;

/** @param claims all that would stand, the new one among them: a claim can disagree with itself too. */
function conflictOf(claims: readonly Claim[], ports: readonly ServicePort[]): Conflict | undefined {
  for (const { port, protocol: claimed } of ports) {
    for (const { source: by, ports: theirs } of claims) {
      const existing = theirs.find((one) => one.port === port && one.protocol !== claimed)?.protocol;
      if (existing) return { kind: "conflict", port, existing, claimed, by };
    }
  }
  return undefined;
}

function sameClaim(a: readonly ServicePort[], b: readonly ServicePort[]): boolean {
  const words = ({ name, port, protocol }: ServicePort): string => `${port} ${protocol} ${name}`;
  return a.length === b.length && a.map(words).sort().join() === b.map(words).sort().join();
}

const ok = (claims: readonly Claim[]): ServiceReply => ({ kind: "ok", ports: portsOf(claims) });

function claimPorts(state: ServiceState, claim: Claim, remember: boolean | undefined): Turn<ServiceTypes> {
  const others = state.claims.filter(({ source }) => source !== claim.source);
  const claims = [...others, claim].sort((a, b) => (a.source < b.source ? -1 : 1));
  const conflict = conflictOf(claims, claim.ports);
  if (conflict) return { state, reply: conflict };
  const before = state.claims.find(({ source }) => source === claim.source);
  if (before && sameClaim(before.ports, claim.ports)) return unchanged(state, remember);
  if (claims.length > limits.serviceSources) {
    return { state, reply: { kind: "full", message: `a service has at most ${limits.serviceSources} sources` } };
  }
  return { state: { ...state, claims }, reply: ok(claims) };
}

/** A state of its own is written, and with it the operation. */
function unchanged(state: ServiceState, remember = false): Turn<ServiceTypes> {
  return { state: remember ? { ...state } : state, reply: ok(state.claims) };
}

function releaseSource(state: ServiceState, released: string, remember: boolean | undefined): Turn<ServiceTypes> {
  const claims = state.claims.filter(({ source }) => source !== released);
  if (claims.length === state.claims.length) return unchanged(state, remember);
  return { state: { ...state, claims }, reply: ok(claims) };
}

function judge(state: ServiceState, change: (before: Judgement) => Judgement): Turn<ServiceTypes> {
  const before: Judgement = { reports: state.reports ?? [], verdicts: state.verdicts ?? [] };
  const judgement = change(before);
  if (judgement === before) return { state, reply: ok(state.claims), mayBeStale: true };
  return { state: { ...state, ...judgement }, reply: ok(state.claims) };
}

/** Endpoints that cannot be reached, for whoever reads records and is not the actor. */
export function unreachableIn({ verdicts = [] }: ServiceState): readonly string[] {
  return verdicts.filter(({ active }) => active).map(({ endpoint }) => endpoint);
}

function decide(state: ServiceState, message: ServiceRequest, { nowMs }: TurnContext): Turn<ServiceTypes> {
  switch (message.type) {
    case "claimPorts":
      return claimPorts(state, { source: message.source, ports: message.ports }, message.remember);
    case "releaseSource":
      return releaseSource(state, message.source, message.remember);
    case "observed": {
      const said: Observation = message;
      return judge(state, (before) => observed(before, said, nowMs));
    }
    case "wake":
      return judge(state, (before) => expired(before, nowMs));
  }
}

/** ns/name, as serviceKey makes it. */
function serviceOf(id: string): { readonly namespace: Namespace; readonly name: string } {
  const [namespace, name, ...rest] = id.split("/");
  invariant(Boolean(namespace && name) && rest.length === 0, `a service actor's id is ns/name, not ${id}`);
  return { namespace: namespace as Namespace, name: name ?? "" };
}

export const service: ActorKind<ServiceTypes> = {
  kind: "service",
  runs: "on-demand",
  record: (id) => serviceRecord(serviceOf(id)),
  initial: () => ({ format: 1, claims: [] }),
  decodeState,
  decodeRequest,
  decodeReply,
  dueAtMs: ({ verdicts = [] }) => nextEndMs({ reports: [], verdicts }),
  wake: { type: "wake" },
  decide,
};

export const serviceHands = emptyHands<ServiceTypes>((request) => request);
