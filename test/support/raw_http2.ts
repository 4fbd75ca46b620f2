/** HTTP/2 requests with pseudo-headers as they are: h2c with prior knowledge, or TLS under an identity. */
import { connect, type OutgoingHttpHeaders } from "node:http2";
import { openTls, type TlsIdentity } from "./raw_http.ts";

export interface Http2Request {
  readonly to: string;
  readonly headers: OutgoingHttpHeaders;
  readonly identity?: TlsIdentity | undefined;
}

/** The status, or "refused" when the stream or the connection was reset without one. */
export function sendHttp2({ to, headers, identity }: Http2Request): Promise<number | "refused"> {
  const session = identity
    ? connect(`https://${to}`, { createConnection: () => openTls(to, { identity, alpn: ["h2"] }) })
    : connect(`http://${to}`);
  return new Promise<number | "refused">((resolve) => {
    session.on("error", () => resolve("refused"));
    const stream = session.request(headers);
    stream.on("response", (answered) => resolve(answered[":status"] ?? "refused"));
    stream.on("error", () => resolve("refused"));
    stream.on("close", () => resolve("refused"));
    stream.resume();
    stream.end();
  }).finally(() => session.destroy());
}
