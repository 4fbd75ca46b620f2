/**
 * What a source says of a service → the model's endpoints. Called by the API for PUT /v1/endpoints, where problems carry
 * field paths, and by the offline loader for Service documents.
 *
 * An endpoint is spoken to by mTLS when it says that a mesh's sidecar answers, by the label Istio's users know
 * (`security.istio.io/tlsMode: istio`) or ours (`security.mesh.io/tlsMode: mesh`), and then it must name its service
 * account: its identity is what is checked. A service account without the label is information; plaintext is spoken.
 */
import type { Endpoint, EndpointShard, ServicePort } from "../../model/endpoint.ts";
import { defaultTrustDomain, serviceAccountId, type TrustDomain } from "../../model/identity.ts";
import type { Locality, ServiceRef } from "../../model/names.ts";
import type { Problem } from "../../model/problem.ts";
import { protocolFrom, protocolOfPortName } from "../../model/protocol.ts";
import { limits } from "../../platform/limits.ts";
import { readJson } from "../document/json.ts";
import type { FieldPath, Node } from "../document/node.ts";
import { suggestion } from "../nearest.ts";
import { Report } from "../report.ts";
import { shown } from "../schema/format.ts";
import { type Tell, validate } from "../validate.ts";
import { type EndpointSpec, type EndpointsSpec, endpointsSchema } from "./endpoints.schema.ts";

/** All that one source says of one service. */
export interface EndpointSet {
  readonly service: ServiceRef;
  readonly source: string;
  readonly ports: readonly ServicePort[];
  readonly endpoints: readonly Endpoint[];
}

export interface EndpointsOf {
  readonly service: ServiceRef;
  readonly source: string;
  readonly trustDomain?: TrustDomain;
}

export interface ParsedEndpoints {
  /** Absent when there is an error. */
  readonly set?: EndpointSet;
  readonly problems: readonly Problem[];
}

/** The JSON body. Its fields' paths begin at the body's root. */
export function parseEndpoints(text: string, of: EndpointsOf): ParsedEndpoints {
  const report = new Report();
  const json = readJson(text);
  if (json.kind === "refused") {
    report.add({ code: json.code, message: json.message });
    return { problems: report.problems() };
  }
  const object = `service ${of.service.namespace}/${of.service.name}`;
  const tell: Tell = (path, code, message) => report.add({ path, code, message, object });
  const set = readEndpoints(json.root, of, { path: [], tell });
  const good = set !== undefined && report.errors === 0;
  return { ...(good ? { set } : {}), problems: report.problems() };
}

/** undefined: not of the schema. Errors beyond it are told, and the set must not be used. */
export function readEndpoints(
  node: Node,
  of: EndpointsOf,
  at: { readonly path: FieldPath; readonly tell: Tell },
): EndpointSet | undefined {
  const spec = validate(endpointsSchema, node, at);
  if (!spec) return undefined;
  const { service, source } = of;
  const ports = portsOf(spec, at);
  const count = spec.endpoints?.length ?? 0;
  if (count > limits.endpointsPerService) {
    const message = `${count} endpoints; at most ${limits.endpointsPerService} of one source and service are taken`;
    at.tell([...at.path, "endpoints"], "MSH1503", message);
    return undefined;
  }
  const ids = new Set<string>();
  const endpoints = (spec.endpoints ?? []).map((endpoint, index) => {
    const path = [...at.path, "endpoints", index];
    if (ids.has(endpoint.id)) at.tell([...path, "id"], "MSH1502", `a second endpoint has the id ${shown(endpoint.id)}`);
    ids.add(endpoint.id);
    return endpointOf(endpoint, { of, ports, path, tell: at.tell });
  });
  return { service, source, ports, endpoints };
}

function portsOf({ ports }: EndpointsSpec, { path, tell }: { readonly path: FieldPath; readonly tell: Tell }) {
  const names = new Set<string>();
  const numbers = new Set<number>();
  return (ports ?? []).map(({ name, port, protocol }, index): ServicePort => {
    const at = [...path, "ports", index];
    if (names.has(name)) tell([...at, "name"], "MSH1502", `a second port is named ${name}`);
    if (numbers.has(port)) tell([...at, "port"], "MSH1502", `a second port has the number ${port}`);
    names.add(name);
    numbers.add(port);
    const known = protocol === undefined ? protocolOfPortName(name) : protocolFrom(protocol);
    if (!known) tell([...at, "protocol"], "MSH1505", `${shown(protocol ?? "")} is no protocol that the mesh knows`);
    return { name, port, protocol: known ?? "auto" };
  });
}

const meshLabels = [
  ["security.istio.io/tlsMode", "istio"],
  ["security.mesh.io/tlsMode", "mesh"],
] as const;

interface EndpointContext {
  readonly of: EndpointsOf;
  readonly ports: readonly ServicePort[];
  readonly path: FieldPath;
  readonly tell: Tell;
}

function endpointOf(spec: EndpointSpec, { of, ports, path, tell }: EndpointContext): Endpoint {
  const names = ports.map(({ name }) => name);
  for (const name of Object.keys(spec.ports ?? {})) {
    if (!names.includes(name)) {
      tell([...path, "ports", name], "MSH1501", `the service has no port ${shown(name)}${suggestion(name, names)}`);
    }
  }
  const labels = spec.labels ?? {};
  const account = spec.serviceAccount;
  const inMesh = meshLabels.find(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
  if (inMesh && account === undefined) {
    tell(path, "MSH1504", `says ${inMesh.join(": ")}, so it needs \`serviceAccount\`: its identity is checked`);
  }
  const trustDomain = of.trustDomain ?? defaultTrustDomain;
  const identity = { namespace: of.service.namespace, serviceAccount: account ?? "" };
  return {
    id: spec.id,
    address: spec.address,
    ports: spec.ports ?? Object.fromEntries(ports.map(({ name, port }) => [name, port])),
    health: spec.health ?? "healthy",
    weight: spec.weight ?? 1,
    locality: localityOf(spec.locality),
    network: spec.network ?? "",
    labels,
    ...(inMesh ? { transport: "mtls", identity: serviceAccountId(trustDomain, identity) } : { transport: "plaintext" }),
  };
}

/** Of text that its schema has checked. */
export function localityOf(text: string | undefined): Locality {
  return (text ?? "") as Locality;
}

/** A set as records, in the order of its endpoints; one record even when there is none, for the ports. */
export function cutShards({ service, source, ports, endpoints }: EndpointSet): readonly EndpointShard[] {
  const size = limits.endpointsPerShard;
  const count = Math.max(1, Math.ceil(endpoints.length / size));
  return Array.from({ length: count }, (_, shard) => ({
    service,
    source,
    shard,
    ports,
    endpoints: endpoints.slice(shard * size, (shard + 1) * size),
  }));
}
