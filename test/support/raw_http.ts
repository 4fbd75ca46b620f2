/**
 * Bytes as they are, over a socket of one's own: what an HTTP client library would correct or refuse to send. The answer
 * is what came back until the other side closed, so a request should say `Connection: close`.
 */
import { connect as connectTcp, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";

export type RawAnswer =
  | { readonly kind: "http"; readonly status: number; readonly text: string }
  /** Closed with bytes that are not an HTTP answer, or without any; `why` says how. */
  | { readonly kind: "closed"; readonly text: string; readonly why: string }
  /** Neither an answer nor an end within the patience. */
  | { readonly kind: "silent"; readonly text: string };

/** TLS as the mesh speaks it: the server's name is its SPIFFE ID, which the caller looks at itself. */
export interface TlsIdentity {
  readonly keyPem: string;
  readonly chainPem: string;
}

export interface RawOptions {
  /** host:port */
  readonly to: string;
  readonly bytes: string | Uint8Array;
  /** Absent: plaintext. */
  readonly tls?: { readonly identity?: TlsIdentity | undefined; readonly alpn?: readonly string[] };
  readonly patienceMs?: number;
}

export function sendRaw({ to, bytes, tls, patienceMs = 8_000 }: RawOptions): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const socket = tls ? openTls(to, tls) : openPlain(to);
    const parts: Buffer[] = [];
    let why = "ended";
    const settle = (finished: boolean): void => {
      clearTimeout(patience);
      socket.destroy();
      resolve(answerIn(Buffer.concat(parts).toString("latin1"), finished, why));
    };
    const patience = setTimeout(() => settle(false), patienceMs);
    socket.on("data", (part: Buffer) => parts.push(part));
    socket.on("error", (cause: NodeJS.ErrnoException) => {
      why = cause.code ?? cause.message;
    });
    socket.on("close", () => settle(true));
    socket.on("end", () => socket.end());
    socket.once(tls ? "secureConnect" : "connect", () => socket.write(bytes));
  });
}

function answerIn(text: string, finished: boolean, why: string): RawAnswer {
  const status = /^HTTP\/1\.[01] (?<code>\d{3})/.exec(text)?.groups?.code;
  if (status !== undefined) return { kind: "http", status: Number(status), text };
  return finished ? { kind: "closed", text, why } : { kind: "silent", text };
}

export function openPlain(to: string): Socket {
  return connectTcp(addressOf(to));
}

export function openTls(to: string, { identity, alpn }: NonNullable<RawOptions["tls"]>): TLSSocket {
  const options: ConnectionOptions = {
    ...addressOf(to),
    // The test holds the certificate against the bundle itself; TLS libraries look for a DNS name.
    rejectUnauthorized: false,
    ...(identity ? { key: identity.keyPem, cert: identity.chainPem } : {}),
    ...(alpn ? { ALPNProtocols: [...alpn] } : {}),
  };
  return connectTls(options);
}

function addressOf(to: string): { readonly host: string; readonly port: number } {
  const colon = to.lastIndexOf(":");
  return { host: to.slice(0, colon), port: Number(to.slice(colon + 1)) };
}

export interface RawRequest {
  readonly method?: string;
  /** The request target, as it is. */
  readonly target?: string;
  /** Lines without their end, as they are; Connection: close comes after them. */
  readonly headers?: readonly string[];
}

export function rawRequest({ method = "GET", target = "/", headers = [] }: RawRequest): Buffer {
  return Buffer.from([`${method} ${target} HTTP/1.1`, ...headers, "Connection: close", "", ""].join("\r\n"), "latin1");
}
