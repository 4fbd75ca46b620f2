/**
 * How a demo app calls another: HTTP in absolute form through its sidecar's outbound port, the Host as the user would
 * write it (`reviews:9080`). Trace headers are handed on, because only the application knows which call belongs to
 * which request.
 */
import { Agent, request as httpRequest, type IncomingHttpHeaders } from "node:http";

const traceHeaders = ["x-request-id", "traceparent", "tracestate", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled"];
const callTimeoutMs = 5_000;
const agent = new Agent({ keepAlive: true });

export interface Reply {
  readonly status: number;
  readonly body: string;
}

export interface Call {
  readonly host: string;
  readonly path: string;
  /** Headers of the request that this call serves. */
  readonly from: IncomingHttpHeaders;
}

/** The sidecar's outbound port; without one (the app run alone) the neighbour itself. */
export function outboundProxy(environment: NodeJS.ProcessEnv = process.env): URL | undefined {
  const url = environment.MESH_OUTBOUND ?? environment.HTTP_PROXY;
  return url ? new URL(url) : undefined;
}

function handedOn(from: IncomingHttpHeaders): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of [...traceHeaders, "end-user"]) {
    const value = from[name];
    if (typeof value === "string") headers[name] = value;
  }
  return headers;
}

export function call({ host, path, from }: Call, proxy = outboundProxy()): Promise<Reply> {
  const target = proxy ?? new URL(`http://${host}`);
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      {
        agent,
        host: target.hostname,
        port: target.port || 80,
        path: proxy ? `http://${host}${path}` : path,
        headers: { ...handedOn(from), host },
        timeout: callTimeoutMs,
      },
      (incoming) => {
        let body = "";
        incoming.setEncoding("utf8");
        incoming.on("data", (chunk: string) => {
          body += chunk;
        });
        incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, body }));
        incoming.on("error", reject);
      },
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error(`${host} did not answer within ${callTimeoutMs} ms`)));
    outgoing.on("error", (cause) => reject(new Error(`${host}: ${cause.message}`)));
    outgoing.end();
  });
}
