/**
 * A node's public API: HTTP on loopback unless configured otherwise. Every request passes access.ts before its body is
 * read; every failure becomes problem details; nothing a caller sends ends the process. Started by meshd.
 */
import { type FastifyInstance, fastify } from "fastify";
import { acceptWidely, sharedAddress } from "../platform/accepting.ts";
import { limits } from "../platform/limits.ts";
import { type AccessRules, refuseCaller } from "./access.ts";
import { EventStreams } from "./event_streams.ts";
import { answerFrameworkError, rememberMethods, speakProblems } from "./http.ts";
import type { ApiPorts } from "./ports.ts";
import { routeApply } from "./routes/apply.ts";
import { routeBackup } from "./routes/backup.ts";
import { routeEndpoints } from "./routes/endpoints.ts";
import { routeFleet } from "./routes/fleet.ts";
import { routeFreeze } from "./routes/freeze.ts";
import { routeHealth } from "./routes/health.ts";
import { routeOpenApi } from "./routes/openapi.ts";
import { routeResources } from "./routes/resources.ts";
import { routeWait } from "./routes/wait.ts";
import { routeWatch } from "./routes/watch.ts";

/** A page that the node serves beside its API, so that it is of the same origin: the live view. */
export interface Page {
  readonly contentType: string;
  readonly body: string | Uint8Array;
}

export interface ApiOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly access: AccessRules;
  /** Path → page. */
  readonly pages?: ReadonlyMap<string, Page>;
}

export interface ApiServer {
  /** http://host:port, as it listens. */
  readonly url: string;
  /** Ends event streams, waits and idle connections; other calls under way are finished. */
  close(): Promise<void>;
}

export async function startApi(ports: ApiPorts, options: ApiOptions): Promise<ApiServer> {
  const app = fastify({
    bodyLimit: limits.applyBytes,
    forceCloseConnections: "idle",
    frameworkErrors: (cause, _request, reply) => answerFrameworkError(cause, reply.raw),
    // A name of 300 characters is answered with what is wrong with it, not with a missing route.
    routerOptions: { maxParamLength: 1_024 },
  });
  const refuseOtherMethods = rememberMethods(app);
  const streams = new EventStreams(ports.clock);
  const closing = new AbortController();
  protect(app, ports, options.access);
  for (const route of [routeApply, routeResources, routeEndpoints, routeFleet, routeHealth, routeBackup, routeFreeze])
    route(app, ports);
  routeWait(app, ports, closing.signal);
  routeWatch(app, ports, streams);
  routeOpenApi(app);
  for (const [path, page] of options.pages ?? []) {
    app.get(path, (_request, reply) => reply.type(page.contentType).send(page.body));
  }
  refuseOtherMethods();
  const at = await sharedAddress(options.listen);
  const url = await app.listen(at);
  const stopAccepting = await acceptWidely(app.server, at);
  return {
    url,
    async close() {
      closing.abort();
      streams.closeAll();
      await Promise.all([stopAccepting(), app.close()]);
    },
  };
}

function protect(app: FastifyInstance, ports: ApiPorts, access: AccessRules): void {
  app.addHook("onRequest", async (request, reply) => {
    reply.headers({ "x-content-type-options": "nosniff", "x-frame-options": "DENY", "cache-control": "no-store" });
    const path = request.url.split("?")[0] ?? "";
    const refusal = refuseCaller({ method: request.method, path, headers: request.headers }, access);
    if (refusal) throw refusal;
  });
  speakProblems(app, ports.log);
}
