/**
 * Calls to the API of a node. A node that cannot be reached is passed over for the next; a refusal ends the command
 * with what the node said and the exit status that it means.
 */
import { request as httpRequest } from "node:http";
import { type Problem, printProblem } from "../model/problem.ts";
import { anything, integer, list, object, oneOf, text } from "../platform/decode.ts";
import { limits } from "../platform/limits.ts";
import type { CliContext } from "./command.ts";
import { CommandFailure, type ExitStatus, exit } from "./exit.ts";
import type { ApiNode, Mesh } from "./mesh.ts";

export interface ApiCall {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: { readonly contentType: string; readonly text: string };
  /** What the call itself waits for, on top of the usual patience. */
  readonly waitsMs?: number;
  /** Instead of the usual patience, when there are others to ask. */
  readonly patienceMs?: number;
}

export class ApiClient {
  readonly #context: CliContext;
  readonly #mesh: Mesh;

  constructor(context: CliContext, mesh: Mesh) {
    this.#context = context;
    this.#mesh = mesh;
  }

  /** Asks the first node that answers. */
  async call(call: ApiCall): Promise<unknown> {
    const failures: string[] = [];
    for (const node of this.#mesh.nodes) {
      const answer = await this.tryNode(node, call);
      if (answer.kind === "answered") return answer.body;
      failures.push(`${node.name} (${node.api}): ${answer.because}`);
    }
    throw new CommandFailure(exit.failed, `no node answers: ${failures.join("; ")}`);
  }

  /** Asks one node. Refusals end the command, as in `call`. */
  async tryNode(node: ApiNode, call: ApiCall): Promise<NodeAnswer> {
    const answer = await this.#send(node, call);
    if (answer.kind === "unreachable") return answer;
    const { status, text: body, silent } = answer;
    if (status < 200 || status >= 300) throw failureOf(call, status, body);
    return { kind: "answered", body: body === "" ? undefined : answerOf(node, body), silent };
  }

  /** Whatever the node answers, refusals too. */
  raw(node: ApiNode, call: ApiCall): Promise<RawAnswer> {
    return this.#send(node, call);
  }

  #patienceMs({ waitsMs, patienceMs = limits.cliRequestMs }: ApiCall): number {
    const { timeoutMs } = this.#context.globals;
    return waitsMs === undefined ? (timeoutMs ?? patienceMs) : limits.cliRequestMs + waitsMs;
  }

  #send(node: ApiNode, call: ApiCall): Promise<RawAnswer> {
    const url = new URL(call.path, node.api);
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    const { token } = this.#mesh;
    const headers = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(call.body
        ? { "content-type": call.body.contentType, "content-length": Buffer.byteLength(call.body.text) }
        : {}),
    };
    return new Promise((resolve) => {
      const unreachable = (cause: Error): void =>
        resolve({ kind: "unreachable", because: cause.message || "no connection" });
      const request = httpRequest(url, { method: call.method, headers, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", unreachable);
        response.on("end", () => {
          const silent = [response.headers["weft-silent-nodes"] ?? []].flat().flatMap((names) => names.split(", "));
          const text = Buffer.concat(chunks).toString("utf8");
          resolve({ kind: "response", status: response.statusCode ?? 0, text, silent });
        });
      });
      const patience = this.#context.clock.after(this.#patienceMs(call), () =>
        request.destroy(new Error("no answer in time")),
      );
      request.on("error", unreachable);
      request.on("close", () => patience.cancel());
      request.end(call.body?.text);
    });
  }
}

export type NodeAnswer =
  /** `silent`: nodes that did not answer the one that did; what only they know is missing. */
  | { readonly kind: "answered"; readonly body: unknown; readonly silent: readonly string[] }
  | { readonly kind: "unreachable"; readonly because: string };

export type RawAnswer =
  | { readonly kind: "response"; readonly status: number; readonly text: string; readonly silent: readonly string[] }
  | { readonly kind: "unreachable"; readonly because: string };

function problemCode(value: unknown, path: string): Problem["code"] {
  const code = text(16, /^MSH\d+$/)(value, path);
  // The pattern above is the type's.
  return code as Problem["code"];
}

const position = object({ line: integer(), column: integer() }, { file: text() });
const problem = object(
  {
    code: problemCode,
    severity: oneOf("error", "warning", "info"),
    message: text(),
  },
  { position, object: text(), field: text() },
);

/** Problems as the API tells them. */
export function problemsFrom(value: unknown): readonly Problem[] {
  return list(problem)(value, "problems");
}

const details = object({}, { detail: text(), problems: anything });

/** What a refusal means: its words, and the exit status. */
export function failureOf(call: ApiCall, status: number, body: string): CommandFailure {
  const { detail, problems } = detailsOf(body);
  const listed = problems === undefined ? [] : problemsFrom(problems);
  const message =
    listed.length > 0 ? listed.map(printProblem).join("\n") : (detail ?? `${call.method} ${call.path}: ${status}`);
  return new CommandFailure(statusOf(status), message);
}

function answerOf(node: ApiNode, body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new CommandFailure(exit.failed, `${node.api} answers, but is no API of a mesh`);
  }
}

function detailsOf(body: string): { readonly detail?: string; readonly problems?: unknown } {
  try {
    return details(JSON.parse(body), "problem");
  } catch {
    return {};
  }
}

/** 400: a word of the command line that the API does not know; what is wrong in files is 422, or 413. */
function statusOf(status: number): ExitStatus {
  if (status === 400) return exit.usage;
  return status === 413 || status === 422 ? exit.badInput : exit.failed;
}
