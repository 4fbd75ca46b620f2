/** What both listeners share: bodies are read as text, and every failure is answered with problem details. */
import type { ServerResponse } from "node:http";
import type { FastifyInstance, RawServerBase } from "fastify";
import type { Logger } from "../platform/log.ts";
import { ApiRefusal, problemDetails, refusalFrom } from "./problem_details.ts";

export function speakProblems<Server extends RawServerBase>(app: FastifyInstance<Server>, log: Logger): void {
  // Whatever the type says; each handler parses its own.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
  app.setErrorHandler((cause, request, reply) => {
    const refusal = refusalFrom(cause);
    if (refusal.code === "internal") log.error("request failed", { method: request.method, url: request.url, cause });
    return sendProblem(reply, refusal);
  });
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      reply,
      new ApiRefusal("not-found", `${request.method} ${request.url.slice(0, 256)}: no such thing here`),
    ),
  );
}

/** For fastify's `frameworkErrors`: what has no route and no hook yet, a URL that cannot be decoded. */
export function answerFrameworkError(cause: Error, raw: ServerResponse): void {
  const details = problemDetails(refusalFrom(cause));
  raw.writeHead(details.status, { "content-type": "application/problem+json" }).end(JSON.stringify(details));
}

interface Reply {
  code(status: number): Reply;
  type(contentType: string): Reply;
  send(body: string): unknown;
}

function sendProblem(reply: Reply, refusal: ApiRefusal): unknown {
  const details = problemDetails(refusal);
  return reply.code(details.status).type("application/problem+json").send(JSON.stringify(details));
}
