/**
 * Calls whose body or answer is a file: neither is held in memory. The first node that takes the connection is asked; a
 * refusal ends the command as any other call's does (api_client.ts).
 */
import { createReadStream } from "node:fs";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { pipeline } from "node:stream/promises";
import { limits } from "../platform/limits.ts";
import { failureOf } from "./api_client.ts";
import type { CliContext } from "./command.ts";
import { CommandFailure, exit } from "./exit.ts";
import type { ApiNode, Mesh } from "./mesh.ts";

export interface Transfer {
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly text: string } | { readonly file: string };
}

/** The answer's head has come and says that all is well; its body is to be read. */
export async function transfer(context: CliContext, mesh: Mesh, call: Transfer): Promise<IncomingMessage> {
  const failures: string[] = [];
  for (const node of mesh.nodes) {
    const response = await send(context, { node, token: mesh.token }, call).catch((cause: Error) => {
      failures.push(`${node.name} (${node.api}): ${cause.message}`);
    });
    if (!response) continue;
    const { statusCode: status = 0 } = response;
    if (status >= 200 && status < 300) return response;
    throw failureOf({ method: "POST", path: call.path }, status, await wholeText(response));
  }
  throw new CommandFailure(exit.failed, `no node answers: ${failures.join("; ")}`);
}

export async function wholeText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

function send(
  { clock }: CliContext,
  { node, token }: { readonly node: ApiNode; readonly token: string | undefined },
  { path, query, headers, body }: Transfer,
): Promise<IncomingMessage> {
  const url = new URL(path, node.api);
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) url.searchParams.set(name, value);
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method: "POST", headers: { ...headers, ...authorization }, agent: false });
    const patience = clock.after(limits.backupMs, () => request.destroy(new Error("no answer in time")));
    request.on("close", () => patience.cancel());
    request.on("response", resolve);
    request.on("error", reject);
    if ("text" in body) request.end(body.text);
    // A node that refuses at once answers before it has read the file; that answer counts, not the broken upload.
    else
      pipeline(createReadStream(body.file), request).catch((cause: NodeJS.ErrnoException) => {
        if (cause.code === "ENOENT" || cause.code === "EACCES") reject(cause);
      });
  });
}
