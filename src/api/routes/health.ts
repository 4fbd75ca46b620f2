/** Is this process alive, can it do its work, and its metrics. */

import type { FastifyInstance } from "fastify";
import type { ApiPorts } from "../ports.ts";

export function routeHealth(app: FastifyInstance, ports: ApiPorts): void {
  app.get("/healthz", () => ({ alive: true, node: ports.nodeName }));

  app.get("/readyz", (_request, reply) => {
    const readiness = ports.health.readiness();
    return reply.code(readiness.ready ? 200 : 503).send({ node: ports.nodeName, ...readiness });
  });

  app.get("/metrics", async (_request, reply) => {
    const { contentType, text } = await ports.metrics.expose();
    return reply.type(contentType).send(text);
  });
}
