/** Backups: POST /v1/backup answers a file, POST /v1/restore takes one. Neither is held whole as text. */

import { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { backupKeyBytes, backupKeyHeader, backupMediaType, decodeKeyDerivation } from "../../model/backup.ts";
import { object, text } from "../../platform/decode.ts";
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
import { Secret } from "../../platform/log.ts";
import { jsonBody } from "../body.ts";
import { withDeadline } from "../deadline.ts";
import type { ApiPorts } from "../ports.ts";
import { ApiRefusal } from "../problem_details.ts";
import { queryOf } from "../query.ts";
import { callerOf } from "./apply.ts";

const backupBody = object({ key: text(64), derivation: decodeKeyDerivation });
/** A file is larger than its contents by its header and the tags of its chunks, which is less than a hundredth. */
const fileBytes = Math.ceil(limits.backupBytes * 1.01);

export function routeBackup(app: FastifyInstance, { backups, clock }: ApiPorts): void {
  if (!backups) return;
  app.post("/v1/backup", async (request, reply) => {
    const { key, derivation } = jsonBody(request, backupBody);
    const asked = { key: keyFrom(key), derivation };
    const file = await withDeadline(clock, limits.backupMs, (signal) => backups.take(asked, signal), reply);
    return reply.type(backupMediaType).send(Readable.from(file));
  });

  // Handed on as it comes; to every other route a body of this type is an empty one.
  app.addContentTypeParser(backupMediaType, (_request, payload, done) => done(null, payload));
  app.post("/v1/restore", { bodyLimit: fileBytes }, (request) => {
    const key = keyFrom(headerOf(request));
    const query = queryOf(request, ["force", "newAuthority", "dryRun"]);
    const options = {
      who: callerOf(request),
      force: query.flag("force"),
      newAuthority: query.flag("newAuthority"),
      dryRun: query.flag("dryRun"),
    };
    const body = bodyOf(request);
    return withDeadline(clock, limits.backupMs, (signal) =>
      backups.restore(body, key, options, signal).catch(refuseFile),
    );
  });
}

/** What is wrong with the file is the caller's input, not a word of the request. */
function refuseFile(cause: unknown): never {
  throw cause instanceof WeftError && cause.code === "invalid" ? new ApiRefusal("invalid-input", cause.message) : cause;
}

function bodyOf({ body }: FastifyRequest): AsyncIterable<Uint8Array> {
  if (body instanceof Readable) return body;
  throw new ApiRefusal("bad-request", `the body must be a backup, Content-Type ${backupMediaType}`);
}

function headerOf({ headers }: FastifyRequest): string {
  const value = headers[backupKeyHeader];
  if (typeof value === "string") return value;
  throw new ApiRefusal("bad-request", `header ${backupKeyHeader} is missing: the file's key, base64`);
}

function keyFrom(base64: string): Secret<Uint8Array> {
  const key = new Uint8Array(Buffer.from(base64, "base64"));
  if (key.length === backupKeyBytes) return new Secret(key);
  throw new ApiRefusal("bad-request", `the key must be ${backupKeyBytes} bytes, base64`);
}
