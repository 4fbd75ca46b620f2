/**
 * A golden case's input: a `Golden` document (whose configuration, and which part of it is kept), `Workload` and
 * `Endpoints` documents in a short form of the model, and the objects of a mesh as users write them.
 */
import { parseAllDocuments } from "yaml";
import type { MeshContents } from "../../src/compile/once.ts";
import { defaultSettings, type MeshSettings } from "../../src/compile/settings.ts";
import type { Endpoint, EndpointShard } from "../../src/model/endpoint.ts";
import type { TrustDomain } from "../../src/model/identity.ts";
import { serviceAccountId } from "../../src/model/identity.ts";
import type { Host, Locality, Namespace, ServiceRef } from "../../src/model/names.ts";
import type { MeshObject, StoredResource } from "../../src/model/object.ts";
import { protocolOfPortName } from "../../src/model/protocol.ts";
import { nameOfWorkload, type Upstream, type Workload } from "../../src/model/workload.ts";
import { parseResources } from "../../src/resources/parse.ts";
import { toModel } from "../../src/resources/to_model.ts";

export interface GoldenInput {
  readonly contents: MeshContents & { readonly settings: MeshSettings };
  readonly workload: Workload;
  /** Beginnings of "type name"; what is written down. Empty: everything. */
  readonly show: readonly string[];
}

interface Header {
  readonly proxy: string;
  readonly show?: readonly string[];
  readonly settings?: Partial<MeshSettings>;
}

interface WorkloadDocument {
  readonly name: string;
  readonly namespace?: string;
  readonly gateway?: boolean;
  readonly labels?: Record<string, string>;
  readonly serviceAccount?: string;
  /** REGION/ZONE */
  readonly locality?: string;
  readonly network?: string;
  /** name:PORT:APP_PORT=LISTEN, or PORT=LISTEN for a gateway. */
  readonly ports?: readonly string[];
  /** SERVICE.NS:PORT=LISTEN, or HOST:PORT=LISTEN with a host of three parts or more. */
  readonly upstreams?: readonly string[];
}

interface EndpointsDocument {
  readonly service: string;
  readonly namespace?: string;
  readonly source?: string;
  readonly shard?: number;
  /** name:PORT */
  readonly ports: readonly string[];
  readonly endpoints?: readonly (Partial<Endpoint> & { readonly address: string; readonly serviceAccount?: string })[];
}

export function loadGolden(text: string): GoldenInput {
  const documents = parseAllDocuments(text).map((document): unknown => document.toJS());
  const ours = documents.filter(isShort);
  const header = ours.find((each): each is Header & { kind: "Golden" } => each.kind === "Golden");
  if (!header) throw new Error("a golden input has a Golden document");
  const settings: MeshSettings = { ...defaultSettings, ...header.settings };
  const workloads = ours.flatMap((each) => (each.kind === "Workload" ? workloadFrom(each) : []));
  const shards = ours.flatMap((each) => (each.kind === "Endpoints" ? shardFrom(each, settings.trustDomain) : []));
  const workload = workloads.find((each) => nameOfWorkload(each) === header.proxy);
  if (!workload) throw new Error(`there is no Workload ${header.proxy}`);
  const objects = objectsFrom(text);
  return { contents: { objects, workloads, shards, settings }, workload, show: header.show ?? [] };
}

type Short =
  | ({ readonly kind: "Golden" } & Header)
  | ({ readonly kind: "Workload" } & WorkloadDocument)
  | ({ readonly kind: "Endpoints" } & EndpointsDocument);

function isShort(document: unknown): document is Short {
  const kind = (document as { kind?: unknown } | null)?.kind;
  return kind === "Golden" || kind === "Workload" || kind === "Endpoints";
}

/** Objects are as old as they stand in the file. */
function objectsFrom(text: string): readonly MeshObject[] {
  const theirs = text.split(/^---$/m).filter((part) => part.includes("apiVersion:"));
  const parsed = parseResources({ text: theirs.join("\n---\n"), file: "input.yaml" });
  const errors = parsed.problems.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(JSON.stringify(errors, undefined, 1));
  return parsed.resources.map(({ resource }, index) => {
    const stored: StoredResource = { resource, generation: 1, createdAtMs: index + 1 };
    return toModel(stored);
  });
}

function workloadFrom(document: WorkloadDocument): Workload {
  const namespace = (document.namespace ?? "default") as Namespace;
  const base = {
    name: document.name,
    namespace,
    serviceAccount: document.serviceAccount ?? "default",
    labels: document.labels ?? { app: document.name },
    locality: (document.locality ?? "") as Locality,
    network: document.network ?? "",
    host: "laptop",
  };
  const ports = (document.ports ?? []).map((text) => text.split("=") as [string, string]);
  if (document.gateway) {
    const listeners = Object.fromEntries(ports.map(([port, at]) => [port, local(at)]));
    return { ...base, role: "gateway", eastWest: false, listeners };
  }
  const inbound = ports.map(([text, at]) => {
    const [name = "", port, appPort] = text.split(":");
    return {
      name,
      port: Number(port),
      appPort: Number(appPort ?? port),
      protocol: protocolOfPortName(name),
      listen: local(at),
    };
  });
  const upstreams = (document.upstreams ?? []).map((text): Upstream => {
    const [, to = "", port, at = "0"] = /^([\w.]+):(\d+)=(\d+)$/.exec(text) ?? [];
    const [name = "", where = "", ...more] = to.split(".");
    const rest = { port: Number(port), listen: local(at) };
    if (more.length > 0) return { host: to as Host, ...rest };
    return { service: { name, namespace: where as Namespace }, ...rest };
  });
  const service: ServiceRef = { name: base.labels.app ?? document.name, namespace };
  return { ...base, role: "sidecar", service, inbound, outbound: local("15001"), upstreams };
}

function local(port: string): { address: string; port: number } {
  return { address: "127.0.0.1", port: Number(port) };
}

function shardFrom(document: EndpointsDocument, trustDomain: TrustDomain): EndpointShard {
  const namespace = (document.namespace ?? "default") as Namespace;
  const ports = document.ports.map((text) => {
    const [name = "", port] = text.split(":");
    return { name, port: Number(port), protocol: protocolOfPortName(name) };
  });
  const endpoints = (document.endpoints ?? []).map(({ serviceAccount, ...given }, index): Endpoint => {
    const identity = serviceAccount ? serviceAccountId(trustDomain, { namespace, serviceAccount }) : undefined;
    return {
      id: String(index),
      ports: Object.fromEntries(ports.map(({ name, port }) => [name, port + 10_000])),
      health: "healthy",
      weight: 1,
      locality: "" as Locality,
      network: "",
      labels: {},
      ...given,
      ...(identity ? { transport: "mtls", identity } : { transport: "plaintext" }),
    };
  });
  const service: ServiceRef = { name: document.service, namespace };
  return { service, source: document.source ?? "api", shard: document.shard ?? 0, ports, endpoints };
}
