/** Endpoints of one cluster: of a service, the ones that answer on a port and have a subset's labels. Pure. */
import type { Host, Locality } from "../model/names.ts";
import { compare } from "./hosts.ts";
import type { EndpointsItem, LocalityEndpoints, ReachableEndpoint } from "./ir.ts";
import { healthier, type MergedEndpoint } from "./merge.ts";
import { outboundCluster } from "./naming.ts";
import { inForce, judged } from "./withholding.ts";

export interface AssignmentInput {
  readonly host: Host;
  readonly port: number;
  readonly subset: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly endpoints: readonly MergedEndpoint[];
  /** Endpoints (source and id, see endpointKey) that take no mTLS on this port, though they have an identity. */
  readonly plaintext: ReadonlySet<string>;
  /** Addresses (see printedAddress) that other hosts cannot reach. */
  readonly unreachable: ReadonlySet<string>;
}

/** As Envoy prints it, and agents report it. */
export function printedAddress(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

export function endpointKey({ source, id }: MergedEndpoint): string {
  return `${source}\n${id}`;
}

// Envoy adds a locality's weights up in 32 bits.
const mostWeight = 2 ** 32 - 1;

/** Where an endpoint answers on the port. */
export interface Answering {
  readonly locality: Locality;
  readonly endpoint: ReachableEndpoint;
}

export function assignmentOf(input: AssignmentInput): EndpointsItem {
  const { host, port, subset } = input;
  return {
    type: "endpoints",
    name: outboundCluster(port, subset.name, host),
    localities: localitiesOf(answersOf(input)),
  };
}

/** By locality name. */
export function localitiesOf(answers: Iterable<Answering>): readonly LocalityEndpoints[] {
  return [...Map.groupBy(answers, ({ locality }) => locality)]
    .map(([locality, found]) => ({ locality, endpoints: scaled(found.map(({ endpoint }) => endpoint)) }))
    .sort((a, b) => compare(a.locality, b.locality));
}

/** Those that it has, each once, with what they are known by. */
export function answersOf(input: AssignmentInput): readonly (Answering & { readonly of: MergedEndpoint })[] {
  const { port, subset } = input;
  // What two sources both know is one endpoint: Envoy refuses none, but it would count twice.
  const byAddress = new Map<string, Answering & { readonly of: MergedEndpoint }>();
  const answering = input.endpoints.filter(
    ({ ports, weight, labels }) => ports[port] !== undefined && weight > 0 && hasLabels(labels, subset.labels),
  );
  const isUnreachable = ({ address, ports }: MergedEndpoint): boolean =>
    input.unreachable.size > 0 && input.unreachable.has(printedAddress(address, ports[port] ?? 0));
  const takesMtls = (endpoint: MergedEndpoint): boolean =>
    endpoint.identity !== undefined && !input.plaintext.has(endpointKey(endpoint));
  for (const endpoint of judged(inForce(answering).endpoints, isUnreachable)) {
    const target = endpoint.ports[port];
    if (target === undefined) continue;
    const key = `${endpoint.address}\n${target}`;
    const known = byAddress.get(key);
    if (known && !healthier(endpoint.health, known.endpoint.health)) continue;
    byAddress.set(key, {
      of: endpoint,
      locality: endpoint.locality,
      endpoint: {
        address: endpoint.address,
        port: target,
        health: endpoint.health,
        weight: endpoint.weight,
        ...(takesMtls(endpoint) ? {} : { plaintext: true }),
      },
    });
  }
  return [...byAddress.values()];
}

export function hasLabels(labels: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([name, value]) => Object.hasOwn(labels, name) && labels[name] === value);
}

function scaled(endpoints: readonly ReachableEndpoint[]): readonly ReachableEndpoint[] {
  const sum = endpoints.reduce((total, { weight }) => total + weight, 0);
  if (sum <= mostWeight) return endpoints;
  // Half of the room, so that rounding up to 1 cannot pass it.
  const share = mostWeight / 2 / sum;
  return endpoints.map((endpoint) => ({ ...endpoint, weight: Math.max(1, Math.floor(endpoint.weight * share)) }));
}
