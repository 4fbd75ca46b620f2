/**
 * Single objects and lists: GET|PUT|DELETE /v1/resources/KIND/NS/NAME, GET /v1/resources[/KIND]. Services and workloads
 * are read like kinds; the mesh makes them itself. A list may be of several kinds: KIND,KIND. A PUT takes an
 * Idempotency-Key, and a precondition.
 */

import type { FastifyInstance } from "fastify";
import type { ObjectRef } from "../../model/object.ts";
import { limits } from "../../platform/limits.ts";
import { changeObjects } from "../apply/change.ts";
import { planApply, refOf } from "../apply/plan.ts";
import { readDocuments } from "../apply/read_documents.ts";
import { withDeadline } from "../deadline.ts";
import { preconditionOf } from "../idempotency.ts";
import { type KindName, readableKind, requireKind } from "../kinds.ts";
import type { ApiPorts } from "../ports.ts";
import { ApiRefusal } from "../problem_details.ts";
import { namespaceOf, type Query, queryOf } from "../query.ts";
import { barrierFrom, positionOf, printPosition } from "../revision.ts";
import { parseSelector } from "../selector.ts";
import { type Shown, showAll, showOne } from "../show.ts";
import { applyOperation, callerOf, deleteObjects, sourcesOf } from "./apply.ts";

interface One {
  Params: { kind: string; namespace: string; name: string };
}

export function routeResources(app: FastifyInstance, ports: ApiPorts): void {
  app.get("/v1/resources", async (request) => {
    const query = queryOf(request, ["namespace", "selector", "atLeast"]);
    await holdAtLeast(ports, query);
    return listed(ports, query, "all");
  });

  app.get<{ Params: { kind: string } }>("/v1/resources/:kind", async (request) => {
    const query = queryOf(request, ["namespace", "selector", "atLeast"]);
    const kinds = request.params.kind.split(",").map(readableKind);
    await holdAtLeast(ports, query);
    return listed(ports, query, kinds);
  });

  app.get<One>("/v1/resources/:kind/:namespace/:name", async (request) => {
    const kind = readableKind(request.params.kind);
    const namespace = namespaceOf(request.params.namespace, "namespace");
    await holdAtLeast(ports, queryOf(request, ["atLeast"]));
    const { name } = request.params;
    const found = showOne(ports.mirror, kind, { namespace, name });
    if (!found) throw new ApiRefusal("not-found", `no ${kind} ${name.slice(0, 253)} in namespace ${namespace}`);
    return found;
  });

  app.put<One>("/v1/resources/:kind/:namespace/:name", (request) => {
    const ref = refFrom(request.params);
    const documents = readDocuments(sourcesOf(request), { namespace: ref.namespace, sealing: ports.sealing });
    const { declared, warnings } = documents;
    const [one, ...more] = declared;
    if (!one || more.length > 0 || !sameRef(refOf(one.resource), ref)) {
      const wanted = `${ref.kind} ${ref.namespace}/${ref.name}`;
      throw new ApiRefusal("bad-request", `the body must be one document, of ${wanted}, as the path says`);
    }
    const refuse = preconditionOf(request);
    const plan = () => {
      const refusal = refuse(ports.mirror.object(ref).value);
      if (refusal) throw refusal;
      return planApply([one], (of) => ports.mirror.object(of), ports.clock.nowMs());
    };
    const who = callerOf(request);
    const operation = applyOperation(request, ports, [one]);
    const apply = { what: "apply" as const, who, dryRun: false, objects: 1, plan, documents, operation };
    return withDeadline(ports.clock, limits.applyMs, async (signal) => {
      const changed = await changeObjects(ports, apply, signal);
      return { revision: changed.revision, applied: changed.results, warnings: [...warnings, ...changed.warnings] };
    });
  });

  app.delete<One>("/v1/resources/:kind/:namespace/:name", (request) => {
    const ref = refFrom(request.params);
    return withDeadline(ports.clock, limits.applyMs, async (signal) => {
      const done = await deleteObjects(ports, { refs: [ref], who: callerOf(request), dryRun: false }, signal);
      if (done.deleted.every(({ result }) => result === "deleted")) return done;
      throw new ApiRefusal("not-found", `no ${ref.kind} ${ref.name.slice(0, 253)} in namespace ${ref.namespace}`);
    });
  });
}

function refFrom({ kind, namespace, name }: One["Params"]): ObjectRef {
  return { kind: requireKind(kind), namespace: namespaceOf(namespace, "namespace"), name };
}

function sameRef(a: ObjectRef, b: ObjectRef): boolean {
  return a.kind === b.kind && a.namespace === b.namespace && a.name === b.name;
}

/** ?atLeast=REVISION: the caller has seen it, so an older answer would be a step back. */
async function holdAtLeast(ports: ApiPorts, query: Query): Promise<void> {
  const revision = query.text("atLeast");
  if (revision === undefined) return;
  const position = positionOf(barrierFrom(ports.store, revision));
  await withDeadline(ports.clock, limits.storeWriteMs, (signal) => ports.mirror.waitFor(position, signal));
}

function listed(
  ports: ApiPorts,
  query: Query,
  kinds: readonly KindName[] | "all",
): { revision: string; items: readonly Shown[] } {
  const text = query.text("selector");
  const test = text === undefined ? () => true : parseSelector(text);
  if (typeof test === "string") {
    throw new ApiRefusal(
      "bad-request",
      `selector ${JSON.stringify(test.slice(0, 64))}: write it like app=reviews,version!=v1`,
    );
  }
  const namespace = query.namespace();
  const items = showAll(ports.mirror, kinds).filter(
    ({ metadata }) => (namespace === undefined || metadata.namespace === namespace) && test(metadata.labels ?? {}),
  );
  return { revision: printPosition(ports.store, "records", ports.mirror.position().records), items };
}
