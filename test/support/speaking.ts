/** Requests as the request table has them sent: by HTTP/1.1, by HTTP/2 without TLS, as unary calls of gRPC, and bytes of TCP. */
import { connect } from "node:http2";
import { Client, credentials, Metadata, status as statuses } from "@grpc/grpc-js";
import { sendRaw } from "./raw_http.ts";
import { type Answer, type RequestOptions, send } from "./requests.ts";

export type Over = "http1" | "h2c" | "grpc" | "tcp";

/** `grpc`: the status' name. */
export type Spoken = Answer & { readonly grpc?: string };

export type Request = Required<Pick<RequestOptions, "via" | "host" | "path" | "method" | "headers">>;

const speakers: Readonly<Record<Over, (request: Request) => Promise<Spoken>>> = { http1: send, h2c, grpc, tcp };

export function speak(over: Over, request: Request): Promise<Spoken> {
  return speakers[over](request);
}

/** How long an answer may take. */
const patienceMs = 15_000;

function h2c({ via, host, path, method, headers }: Request): Promise<Spoken> {
  const session = connect(`http://${via}`);
  return new Promise<Spoken>((resolve, reject) => {
    session.on("error", reject);
    const stream = session.request({ ...headers, ":authority": host, ":path": path, ":method": method });
    stream.setTimeout(patienceMs, () => reject(new Error(`no answer within ${patienceMs} ms`)));
    let body = "";
    stream.setEncoding("utf8");
    stream.on("response", ({ ":status": status = 0, ...answered }) => {
      stream.on("data", (part: string) => {
        body += part;
      });
      stream.on("end", () => resolve({ status, headers: answered, body }));
    });
    stream.on("error", reject);
    stream.end();
  }).finally(() => session.destroy());
}

async function grpc({ via, host, path, headers }: Request): Promise<Spoken> {
  const client = new Client(via, credentials.createInsecure(), { "grpc.default_authority": host });
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const bytes = (value: Buffer): Buffer => value;
  const got = new Metadata();
  const options = { deadline: Date.now() + patienceMs };
  try {
    return await new Promise<Spoken>((resolve) => {
      let [body, code] = ["", 0];
      const call = client.makeUnaryRequest(path, bytes, bytes, Buffer.alloc(0), metadata, options, (error, answer) => {
        body = answer?.toString() ?? error?.details ?? "";
        code = error?.code ?? 0;
      });
      call.on("metadata", (initial) => got.merge(initial));
      call.on("status", (trailing) => {
        got.merge(trailing.metadata);
        // The callback above is called after it.
        setImmediate(() => resolve({ status: 200, headers: textsOf(got), body, grpc: statuses[code] ?? String(code) }));
      });
    });
  } finally {
    client.close();
  }
}

function textsOf(metadata: Metadata): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(metadata.getMap()).map(([name, value]) => [name, value.toString()]));
}

const tcpBytes = "five bytes and more";

/** Of what comes back; 0 for a connection that was closed without a word. */
async function tcp({ via }: Request): Promise<Spoken> {
  const isWhole = (text: string): boolean => text.endsWith(tcpBytes);
  const answer = await sendRaw({ to: via, bytes: tcpBytes, isWhole, patienceMs });
  return { status: answer.text === "" ? 0 : 200, headers: {}, body: answer.text };
}
