/**
 * GET /v1/wait: until every connected proxy concerned has acknowledged a position in the two streams. Without one it
 * is what the leader holds at the call, endpoints and deletions included. `revision` may be what any write answered, an
 * endpoints' token too. Its outcome is an answer, not an error, and names what was waited for: a stream that nothing
 * was asked of is left out.
 */
import type { FastifyInstance } from "fastify";
import { limits } from "../../platform/limits.ts";
import type { ApiPorts, Distribution, StreamPosition } from "../ports.ts";
import { ApiRefusal } from "../problem_details.ts";
import { queryOf } from "../query.ts";
import { type Barrier, barrierFrom, parsePosition, positionOf, printPosition } from "../revision.ts";

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
      const barrier = await barrierOf(ports, query.text("revision"), query.text("endpoints"), signal);
      const distribution = await waitAt(ports, positionOf(barrier), signal);
      return { ...distribution, ...waitedFor(ports, barrier) };
    } finally {
      timer.cancel();
    }
  });
}

function waitedFor(
  { store }: ApiPorts,
  { records, endpoints }: Barrier,
): { revision?: string; endpointsToken?: string } {
  return {
    ...(records === undefined ? {} : { revision: printPosition(store, "records", records) }),
    ...(endpoints === undefined ? {} : { endpointsToken: printPosition(store, "endpoints", endpoints) }),
  };
}

/** Without a revision and without a token: the newest of both. With one of them: that one only. */
async function barrierOf(
  ports: ApiPorts,
  revision: string | undefined,
  token: string | undefined,
  signal: AbortSignal,
): Promise<Barrier> {
  const { store } = ports;
  if (revision === undefined && token === undefined) {
    const [records, endpoints] = await untilAborted(
      Promise.all([store.lastSequence("records", signal), store.lastSequence("endpoints", signal)]),
      signal,
    );
    return { records, endpoints };
  }
  const asked = revision === undefined ? nothing : barrierFrom(store, revision);
  if (token === undefined) return asked;
  return { ...asked, endpoints: Math.max(asked.endpoints ?? 0, parsePosition(store, "endpoints", token)) };
}

const nothing: Barrier = { records: undefined, endpoints: undefined };

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
