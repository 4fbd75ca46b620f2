/**
 * Files → all that a mesh would know: what users apply, and, as documents, the workloads and endpoints that `meshctl run`
 * and the endpoints API would have registered. For `meshctl compile -f DIR` and golden cases.
 */
import type { Endpoint, EndpointShard } from "../../model/endpoint.ts";
import { defaultTrustDomain, serviceAccountId, type TrustDomain } from "../../model/identity.ts";
import { isDnsLabel, namespaceFrom, workloadName } from "../../model/names.ts";
import type { Problem } from "../../model/problem.ts";
import type { Workload } from "../../model/workload.ts";
import { nodeOf } from "../document/node.ts";
import { cutShards, type EndpointSet, readEndpoints } from "../endpoints/parse.ts";
import {
  type IgnoredDocument,
  type ParsedResource,
  type ParseOptions,
  type RegisteredDocument,
  readSources,
  type SourceText,
} from "../parse.ts";
import type { Infer } from "../schema/type.ts";
import { type At, validate } from "../validate.ts";
import { serviceSchema } from "./service.schema.ts";
import { workloadOf } from "./workload.ts";

export interface Offline {
  readonly resources: readonly ParsedResource[];
  readonly ignored: readonly IgnoredDocument[];
  readonly workloads: readonly Workload[];
  readonly shards: readonly EndpointShard[];
  readonly problems: readonly Problem[];
}

export interface OfflineOptions extends ParseOptions {
  readonly trustDomain?: TrustDomain;
}

export function parseOffline(files: readonly SourceText[], options: OfflineOptions = {}): Offline {
  const read = readSources(files, { ...options, registered: "taken" });
  const workloads: Workload[] = [];
  const sets: EndpointSet[] = [];
  for (const document of read.registered) {
    if (document.kind === "Workload") {
      const workload = workloadOf(document);
      if (workload) workloads.push(workload);
    } else {
      sets.push(...setsOf(document, options.trustDomain));
    }
  }
  const { resources, ignored, problems } = read;
  return { resources, ignored, workloads, shards: sets.flatMap(cutShards), problems };
}

function setsOf(document: RegisteredDocument, trustDomain: TrustDomain | undefined): readonly EndpointSet[] {
  const { metadata, spec: node, tell } = document;
  const { namespace, name } = metadata;
  if (!isDnsLabel(name)) {
    tell(["metadata", "name"], "MSH1106", "a service's name has no dots and at most 63 letters, digits and '-'");
    return [];
  }
  const spec = validate(serviceSchema, node, { path: ["spec"], tell });
  if (!spec) return [];
  const { sources = [], ...own } = spec;
  const all = [
    ...(Object.keys(own).length > 0 || sources.length === 0 ? [{ path: ["spec"], source: "api", said: own }] : []),
    ...sources.map(({ source = "api", ...said }, index) => ({ path: ["spec", "sources", index], source, said })),
  ];
  const names = new Set<string>();
  return all.flatMap(({ path, source, said }) => {
    if (names.has(source)) tell(path, "MSH1502", `source ${source} speaks a second time`);
    names.add(source);
    const of = { service: { namespace, name }, source, ...(trustDomain === undefined ? {} : { trustDomain }) };
    const { ports, endpoints = [] } = said;
    const set = readEndpoints(
      nodeOf({ ports, endpoints: endpoints.map(({ workload: _, ...endpoint }) => endpoint) }),
      of,
      {
        path,
        tell,
      },
    );
    return set ? [{ ...set, endpoints: withWorkloads(set, endpoints, { path, tell, trustDomain }) }] : [];
  });
}

type Said = NonNullable<Infer<typeof serviceSchema>["endpoints"]>;

/** Joins each endpoint with the workload that the document says is behind it. */
function withWorkloads(
  { endpoints, service }: EndpointSet,
  said: Said,
  { path, tell, trustDomain = defaultTrustDomain }: At & { readonly trustDomain: TrustDomain | undefined },
): readonly Endpoint[] {
  return endpoints.map((endpoint, index) => {
    const { workload, serviceAccount } = said[index] ?? {};
    if (workload === undefined) return endpoint;
    if (serviceAccount === undefined) {
      tell([...path, "endpoints", index], "MSH1504", "names its workload, so it needs `serviceAccount` too");
      return endpoint;
    }
    const [name = "", namespace = ""] = workload.split(".");
    const identity = serviceAccountId(trustDomain, { namespace: service.namespace, serviceAccount });
    const of = workloadName(name, namespaceFrom(namespace) ?? service.namespace);
    return { ...endpoint, transport: "mtls", identity, workload: of };
  });
}
