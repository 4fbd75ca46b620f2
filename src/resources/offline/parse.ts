/**
 * Files → all that a mesh would know: what users apply, and, as documents, the workloads and endpoints that `meshctl run`
 * and the endpoints API would have registered. For `meshctl compile -f DIR` and golden cases.
 */
import type { EndpointShard } from "../../model/endpoint.ts";
import type { TrustDomain } from "../../model/identity.ts";
import { isDnsLabel } from "../../model/names.ts";
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
import { validate } from "../validate.ts";
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
    return readEndpoints(nodeOf(said), of, { path, tell }) ?? [];
  });
}
