/**
 * POST /v1/apply and POST /v1/delete. A body is YAML or JSON, many documents; or, to say which file each came from,
 * application/vnd.weft.apply+json: {"files":[{"name","text"}]}. A delete may also name objects:
 * application/vnd.weft.refs+json: {"refs":[{"kind","namespace","name"}]}. An apply takes an Idempotency-Key.
 */

import type { FastifyInstance, FastifyRequest } from "fastify";
import type { ObjectRef } from "../../model/object.ts";
import { list, object, text } from "../../platform/decode.ts";
import { limits } from "../../platform/limits.ts";
import { type ChangePorts, changeObjects } from "../apply/change.ts";
import {
  type AppliedObject,
  asApplied,
  type Declared,
  type Lookup,
  planApply,
  planDelete,
  refOf,
} from "../apply/plan.ts";
import { type Reading, readDocuments, type Source } from "../apply/read_documents.ts";
import { decodeJson, textBody } from "../body.ts";
import type { CallersOperation } from "../commit.ts";
import { withDeadline } from "../deadline.ts";
import { operationOf } from "../idempotency.ts";
import { requireKind } from "../kinds.ts";
import type { ApiPorts } from "../ports.ts";
import { namespaceOf, queryOf } from "../query.ts";

export const filesType = "application/vnd.weft.apply+json";
export const refsType = "application/vnd.weft.refs+json";

const filesBody = object({
  files: list(object({ name: text(4_096), text: text(limits.applyBytes) }), limits.applyFiles),
});
const refsBody = object({ refs: list(object({ kind: text(256), namespace: text(256), name: text(256) })) });

export function routeApply(app: FastifyInstance, ports: ApiPorts): void {
  app.post("/v1/apply", (request) => {
    const query = queryOf(request, ["dryRun", "namespace"]);
    const documents = readDocuments(sourcesOf(request), { namespace: query.namespace(), sealing: ports.sealing });
    const { declared, ignored, warnings } = documents;
    const apply = {
      what: "apply" as const,
      who: callerOf(request),
      dryRun: query.flag("dryRun"),
      objects: declared.length,
      plan: () => planApply(declared, (ref) => ports.mirror.object(ref), ports.clock.nowMs()),
      documents,
      operation: applyOperation(request, ports, declared),
    };
    return withDeadline(ports.clock, limits.applyMs, async (signal) => {
      const changed = await changeObjects(ports, apply, signal);
      const passedOver = ignored.map((one): AppliedObject => ({ ...one, generation: 0, result: "ignored" }));
      const applied = [...changed.results, ...passedOver];
      return { revision: changed.revision, applied, warnings: [...warnings, ...changed.warnings] };
    });
  });

  app.post("/v1/delete", (request) => {
    const query = queryOf(request, ["dryRun", "namespace"]);
    const reading = { namespace: query.namespace(), sealing: ports.sealing };
    const refs = typeOf(request) === refsType ? namedRefs(request) : documentRefs(request, reading);
    return withDeadline(ports.clock, limits.applyMs, async (signal) => {
      const options = { refs, who: callerOf(request), dryRun: query.flag("dryRun") };
      return deleteObjects(ports, options, signal);
    });
  });
}

/** The caller's own operation, when it named one. */
export function applyOperation(
  request: FastifyRequest,
  { mirror }: Pick<ApiPorts, "mirror">,
  declared: readonly Declared[],
): CallersOperation<readonly AppliedObject[]> | undefined {
  const id = operationOf(request);
  if (id === undefined) return undefined;
  const lookup: Lookup = (ref) => mirror.object(ref);
  return {
    id,
    records: () => declared.map(({ resource }) => lookup(refOf(resource)).record),
    again: () => asApplied(declared, lookup),
  };
}

export interface DeleteOptions {
  readonly refs: readonly ObjectRef[];
  readonly who: string;
  readonly dryRun: boolean;
}

export async function deleteObjects(ports: ChangePorts, { refs, who, dryRun }: DeleteOptions, signal: AbortSignal) {
  const plan = () => planDelete(refs, (ref) => ports.mirror.object(ref));
  const request = { what: "delete" as const, who, dryRun, objects: refs.length, plan };
  const { revision, results, warnings } = await changeObjects(ports, request, signal);
  return { revision, deleted: results, warnings };
}

function namedRefs(request: FastifyRequest): readonly ObjectRef[] {
  const { refs } = decodeJson(textBody(request), refsBody);
  const keyed = refs.map(({ kind, namespace, name }): ObjectRef => {
    return { kind: requireKind(kind), namespace: namespaceOf(namespace, "namespace"), name };
  });
  return unique(keyed);
}

/** The documents must be good as for an apply, so that a typo in a kind or name is not taken for "not there". */
function documentRefs(request: FastifyRequest, reading: Reading) {
  return unique(readDocuments(sourcesOf(request), reading).declared.map(({ resource }) => refOf(resource)));
}

function unique(refs: readonly ObjectRef[]): readonly ObjectRef[] {
  return [...new Map(refs.map((ref) => [`${ref.kind}/${ref.namespace}/${ref.name}`, ref])).values()];
}

export function sourcesOf(request: FastifyRequest): readonly Source[] {
  if (typeOf(request) !== filesType) return [{ text: textBody(request) }];
  return decodeJson(textBody(request), filesBody).files;
}

function typeOf(request: FastifyRequest): string {
  return (request.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}

/** Who stands in the log. Callers have no names of their own yet: there is one token. */
export function callerOf(request: FastifyRequest): string {
  return `api ${request.ip}`;
}
