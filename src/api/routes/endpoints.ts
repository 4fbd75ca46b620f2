/**
 * PUT|GET /v1/endpoints/NS/SERVICE: the whole set of endpoints that one source knows of a service. On the way to a
 * proxy there is one store write and nothing else; the service's actor is asked only when the ports change. A PUT takes
 * an Idempotency-Key.
 */

import type { FastifyInstance } from "fastify";
import { isDnsLabel, type ServiceRef } from "../../model/names.ts";
import { limits } from "../../platform/limits.ts";
import { parseEndpoints } from "../../resources/endpoints/parse.ts";
import type { OperationId } from "../../store/store.ts";
import { textBody } from "../body.ts";
import { withDeadline } from "../deadline.ts";
import type { SourceSet } from "../endpoints/plan.ts";
import { writeSet } from "../endpoints/write.ts";
import { operationOf } from "../idempotency.ts";
import type { ApiPorts } from "../ports.ts";
import { ApiRefusal, invalidInput } from "../problem_details.ts";
import { namespaceOf, queryOf } from "../query.ts";
import { printPosition } from "../revision.ts";

interface Of {
  Params: { namespace: string; service: string };
}

export function routeEndpoints(app: FastifyInstance, ports: ApiPorts): void {
  app.put<Of>("/v1/endpoints/:namespace/:service", { bodyLimit: limits.endpointsBytes }, (request) => {
    const service = serviceOf(request.params);
    const source = sourceFrom(queryOf(request, ["source"]).text("source") ?? "api");
    const { set, problems } = parseEndpoints(textBody(request), { service, source, trustDomain: ports.trustDomain });
    if (!set) throw invalidInput(problems);
    const operation = operationOf(request);
    return withDeadline(ports.clock, limits.applyMs, async (signal) => {
      await claimPorts(ports, set, signal, operation);
      const sequence = await writeSet(ports, set, "sole-writer", signal, operation);
      return { token: printPosition(ports.store, "endpoints", sequence), warnings: problems };
    });
  });

  app.get<Of>("/v1/endpoints/:namespace/:service", (request) => {
    queryOf(request, []);
    const service = serviceOf(request.params);
    const shards = Array.from(ports.mirror.shards(service), ({ value }) => value);
    const sources = Map.groupBy(shards, ({ source }) => source);
    return {
      token: printPosition(ports.store, "endpoints", ports.mirror.position().endpoints),
      sources: [...sources].map(([source, of]) => ({
        source,
        ports: of[0]?.ports ?? [],
        endpoints: of.flatMap(({ endpoints }) => endpoints),
      })),
    };
  });
}

async function claimPorts(
  ports: ApiPorts,
  set: SourceSet,
  signal: AbortSignal,
  operation: OperationId | undefined,
): Promise<void> {
  // A call that may come again is remembered by the actor itself, or its late copy would undo what followed it.
  if (operation === undefined && ports.claims.holds(set.service, set.source, set.ports)) return;
  const outcome = await ports.claims.claimPorts(set.service, set.source, set.ports, signal, operation);
  if (outcome.kind === "claimed") return;
  const conflicts = outcome.conflicts.map(({ port, because }) => `port ${port} has two protocols: ${because}`);
  throw new ApiRefusal("port-protocol-conflict", conflicts.join("; "));
}

function serviceOf({ namespace, service }: Of["Params"]): ServiceRef {
  if (isDnsLabel(service)) return { namespace: namespaceOf(namespace, "namespace"), name: service };
  throw new ApiRefusal("bad-request", `service: ${JSON.stringify(service.slice(0, 64))} is not a service's name`);
}

function sourceFrom(word: string): string {
  // An agent's source is its own: nobody may speak for a host over this door.
  if (isDnsLabel(word) && !word.startsWith("agent-")) return word;
  throw new ApiRefusal("bad-request", `query parameter source: ${JSON.stringify(word.slice(0, 64))} cannot be one`);
}
