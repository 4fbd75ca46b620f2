/**
 * GET /v1/wait: until every connected proxy concerned has acknowledged a position in the two streams. Without one it
 * is what the leader holds at the call, endpoints and deletions included. `revision` may be what any write answered, an
 * endpoints' token too. Its outcome is an answer, not an error.
 */
import type { FastifyInstance } from "fastify";
import { limits } from "../../platform/limits.ts";
import type { Distribution, StreamPosition } from "../ports.ts";
import { ApiRefusal } from "../problem_details.ts";
import { queryOf } from "../query.ts";
import { parsePosition, positionFrom, printPosition } from "../revision.ts";
import type { ApiPorts } from "../server.ts";

const defaultWaitMs = 30_000;

/** @param closing aborted when the node stops: who waits is answered then, with what is still pending. */
export function routeWait(app: FastifyInstance, ports: ApiPorts, closing: AbortSignal): void {
  app.get("/v1/wait", async (request, reply) => {
    const query = queryOf(request, ["revision", "endpoints", "timeoutMs"]);
    const timeoutMs = query.integer("timeoutMs", { least: 0, most: limits.waitMs }) ?? defaultWaitMs;
    const controller = new AbortController();
    const timer = ports.clock.after(timeoutMs, () => controller.abort());
    reply.raw.on("close", () => controller.abort());
    const signal = AbortSignal.any([controller.signal, closing]);
    try {
      const position = await positionOf(ports, query.text("revision"), query.text("endpoints"), signal);
      const distribution = await waitAt(ports, position, signal);
      return {
        ...distribution,
        revision: printPosition(ports.store, "records", position.records),
        endpointsToken: printPosition(ports.store, "endpoints", position.endpoints),
      };
    } finally {
      timer.cancel();
    }
  });
}

/** Without a revision and without a token: the newest of both. With one of them: that one only. */
async function positionOf(
  ports: ApiPorts,
  revision: string | undefined,
  endpoints: string | undefined,
  signal: AbortSignal,
): Promise<StreamPosition> {
  const { store } = ports;
  if (revision === undefined && endpoints === undefined) {
    const [records, newest] = await untilAborted(
      Promise.all([store.lastSequence("records", signal), store.lastSequence("endpoints", signal)]),
      signal,
    );
    return { records, endpoints: newest };
  }
  const asked = revision === undefined ? nothing : positionFrom(store, revision);
  return endpoints === undefined ? asked : { ...asked, endpoints: parsePosition(store, "endpoints", endpoints) };
}

const nothing: StreamPosition = { records: 0, endpoints: 0 };

/** A wait without a known barrier cannot be answered `pending`: there is nothing to wait for. */
async function untilAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  try {
    return await work;
  } catch (cause) {
    if (!signal.aborted) throw cause;
    throw new ApiRefusal("timeout", "the store's leader did not say in time what is newest");
  }
}

async function waitAt(ports: ApiPorts, position: StreamPosition, signal: AbortSignal): Promise<Distribution> {
  try {
    await ports.mirror.waitFor(position, signal);
  } catch (cause) {
    if (!signal.aborted) throw cause;
    return { kind: "pending", proxies: [] };
  }
  return ports.proxies.waitDistributed(position, signal);
}
