/**
 * RunRequest → Workload: the record that a workload is registered by, with its defaults filled in and its addresses
 * chosen. What the user got wrong comes back as a value. Ports are taken through the port given, so all this can be
 * told to give them back.
 */
import { isServiceAccount } from "../model/identity.ts";
import {
  type Host,
  hostFrom,
  isDnsLabel,
  type Locality,
  meshDomain,
  type Namespace,
  namespaceFrom,
  resolveHost,
  type ServiceRef,
  serviceOfHost,
} from "../model/names.ts";
import { protocolOfPortName } from "../model/protocol.ts";
import type { RunGateway, RunRequest, RunSidecar } from "../model/run.ts";
import type { GatewayWorkload, InboundPort, LocalAddress, SidecarWorkload, Workload } from "../model/workload.ts";
import { isLoopback, loopback } from "../platform/free_ports.ts";
import { defaultName } from "./naming.ts";

/** What a user wrote wrong, and what to write instead; undefined: nothing. */
export function mistakeIn(request: RunRequest): string | undefined {
  if (!namespaceFrom(request.namespace)) return notALabel("namespace", request.namespace);
  if (!isServiceAccount(request.serviceAccount)) {
    return `service account "${request.serviceAccount}": write lower-case letters, digits, dashes and dots, at most 253`;
  }
  if (request.name !== undefined && !isDnsLabel(request.name)) return notALabel("name", request.name);
  if (!/^([^/]+\/[^/]*)?$/.test(request.locality)) return `locality "${request.locality}": write REGION/ZONE`;
  return request.role === "sidecar" ? mistakeInSidecar(request) : mistakeInGateway(request);
}

function mistakeInSidecar(request: RunSidecar): string | undefined {
  if (!isDnsLabel(request.service)) return notALabel("service", request.service);
  for (const { name, port, appPort } of request.ports) {
    if (!isDnsLabel(name)) return notALabel("port name", name);
    if (port === 0 || appPort === 0) return `port ${name}: a service's and an application's port are 1 to 65535`;
  }
  const twice =
    firstTwice(request.ports.map(({ name }) => name)) ?? firstTwice(request.ports.map(({ port }) => String(port)));
  if (twice !== undefined) return `port ${twice} is there twice: name each port, and number each, once`;
  for (const { service, port, listen } of request.upstreams) {
    if (!upstreamNamed(service, request.namespace as Namespace))
      return `upstream ${service}: write a service, NAME or NAME.NAMESPACE, or a ServiceEntry's host, such as db.example.com`;
    if (port === 0) return `upstream ${service}: the service's port is 1 to 65535`;
    if (!isLoopback(listen.address)) {
      return `upstream ${service}: ${listen.address} is no loopback address; write 127.0.0.1 or ::1`;
    }
  }
  return undefined;
}

function mistakeInGateway(request: RunGateway): string | undefined {
  const twice = firstTwice(request.ports.map(({ port }) => String(port)));
  if (twice !== undefined) return `port ${twice} is there twice: name each port once`;
  return request.ports.some(({ port }) => port === 0) ? "a gateway's port is 1 to 65535" : undefined;
}

function notALabel(what: string, given: string): string {
  return `${what} "${given}": write 1 to 63 lower-case letters, digits and dashes, a letter or digit at both ends`;
}

function firstTwice(words: readonly string[]): string | undefined {
  return words.find((word, i) => words.indexOf(word) !== i);
}

/**
 * SERVICE, NAME.NS, NAME.NS.svc or the full name, as callers may write it in a Host; any other full name is a ServiceEntry's
 * host, and so is a name of two parts with a dot at its end.
 */
function upstreamNamed(
  word: string,
  namespace: Namespace,
): { readonly service: ServiceRef } | { readonly host: Host } | undefined {
  const isFull = word.endsWith(".");
  const name = isFull ? word.slice(0, -1) : word;
  const full = !isFull && name.split(".").length === 2 ? `${name}.${meshDomain}` : name;
  const resolved = hostFrom(isFull ? full.toLowerCase() : resolveHost(full, namespace));
  const service = resolved && serviceOfHost(resolved);
  return service ? { service } : resolved && { host: resolved };
}

/** The name to register by, before it is numbered. */
export function wantedName(request: RunRequest): string {
  if (request.name !== undefined || request.role === "gateway") return request.name ?? "";
  return defaultName(request.service, request.labels.version);
}

/** The addresses that a request fixes itself; they must be free, or the run fails. */
export function fixedAddresses(request: RunRequest): readonly LocalAddress[] {
  const asked =
    request.role === "sidecar"
      ? request.upstreams.map(({ listen }) => listen)
      : request.ports.map(({ hostPort }) => ({ address: loopback, port: hostPort }));
  return asked.filter(({ port }) => port !== 0);
}

export interface WorkloadInput<R extends RunRequest> {
  /** Without mistakes. */
  readonly request: R;
  readonly name: string;
  readonly host: string;
  /** Any free port, at `address` if one is given. */
  take(address?: string): Promise<LocalAddress>;
}

export async function workloadFrom(input: WorkloadInput<RunRequest>): Promise<Workload> {
  const { request } = input;
  return request.role === "sidecar" ? sidecarFrom({ ...input, request }) : gatewayFrom({ ...input, request });
}

async function sidecarFrom({ request, name, host, take }: WorkloadInput<RunSidecar>): Promise<SidecarWorkload> {
  const namespace = request.namespace as Namespace;
  const inbound: InboundPort[] = [];
  for (const { name, port, appPort } of request.ports) {
    inbound.push({ name, port, appPort, protocol: protocolOfPortName(name), listen: await take() });
  }
  const upstreams = [];
  for (const { service, port, listen } of request.upstreams) {
    const to = upstreamNamed(service, namespace) ?? { service: { namespace, name: service } };
    upstreams.push({ ...to, port, listen: listen.port === 0 ? await take(listen.address) : listen });
  }
  return {
    ...sharedFields(request, name, host),
    role: "sidecar",
    labels: { app: request.service, ...request.labels },
    service: { namespace, name: request.service },
    inbound,
    outbound: await take(),
    upstreams,
  };
}

async function gatewayFrom({ request, name, host, take }: WorkloadInput<RunGateway>): Promise<GatewayWorkload> {
  const listeners: Record<string, LocalAddress> = {};
  for (const { port, hostPort } of request.ports) {
    listeners[port] = hostPort === 0 ? await take() : { address: loopback, port: hostPort };
  }
  return { ...sharedFields(request, name, host), role: "gateway", eastWest: request.eastWest, listeners };
}

function sharedFields(request: RunRequest, name: string, host: string) {
  return {
    name,
    namespace: request.namespace as Namespace,
    serviceAccount: request.serviceAccount,
    labels: request.labels,
    locality: request.locality as Locality,
    network: "",
    host,
  };
}

/** Where the workload's Envoy must listen before it counts as configured. A gateway listens when a Gateway asks for it. */
export function expectedListeners(workload: Workload): readonly LocalAddress[] {
  if (workload.role === "gateway") return [];
  return [
    workload.outbound,
    ...workload.inbound.map(({ listen }) => listen),
    ...workload.upstreams.map(({ listen }) => listen),
  ];
}

/** Every address that the workload has been given. */
export function addressesOf(workload: Workload): readonly LocalAddress[] {
  return workload.role === "gateway" ? Object.values(workload.listeners) : expectedListeners(workload);
}

/** The same workload with other addresses in place of those that `moved` names by "address:port". */
export function withMoved(workload: Workload, moved: ReadonlyMap<string, LocalAddress>): Workload {
  const now = (at: LocalAddress): LocalAddress => moved.get(printAddress(at)) ?? at;
  if (workload.role === "gateway") return workload;
  return {
    ...workload,
    outbound: now(workload.outbound),
    inbound: workload.inbound.map((port) => ({ ...port, listen: now(port.listen) })),
    upstreams: workload.upstreams.map((upstream) => ({ ...upstream, listen: now(upstream.listen) })),
  };
}

export function printAddress({ address, port }: LocalAddress): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
