/** What both listeners share: bodies are read as text, and every failure is answered with problem details. */
import type { ServerResponse } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest, RawServerBase } from "fastify";
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

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

/**
 * From now on every route's methods are noted.
 * @returns call it when all routes are there: a path that is known answers other methods with 405 and what it takes.
 */
export function rememberMethods(app: FastifyInstance): () => void {
  const taken = new Map<string, Set<string>>();
  app.addHook("onRoute", ({ url, method }) => {
    const known = taken.get(url) ?? new Set();
    for (const one of [method].flat()) known.add(one);
    taken.set(url, known);
  });
  return () => {
    for (const [url, known] of [...taken]) {
      const allow = [...known].join(", ");
      const others = methods.filter((method) => !known.has(method));
      const handler = (request: FastifyRequest, reply: FastifyReply): never => {
        reply.header("allow", allow);
        const path = request.url.slice(0, 256);
        throw new ApiRefusal("method-not-allowed", `${request.method} ${path}: this takes ${allow}`);
      };
      if (others.length > 0) app.route({ method: others, url, handler });
    }
  };
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
