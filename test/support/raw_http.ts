/**
 * Bytes as they are, over a socket of one's own: what an HTTP client library would correct or refuse to send. The answer
 * is the HTTP answer that came back, or what there was when the other side closed.
 */
import { connect as connectTcp, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, type DetailedPeerCertificate, type TLSSocket } from "node:tls";

export type RawAnswer =
  | { readonly kind: "http"; readonly status: number; readonly text: string }
  /** Closed with bytes that are not an HTTP answer, or without any; `why` says how. */
  | { readonly kind: "closed"; readonly text: string; readonly why: string }
  /** Still open: it sent what is not HTTP, or nothing within the patience. */
  | { readonly kind: "open"; readonly text: string };

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
  /** Whether what came back is all of it; unless said, when it is an HTTP answer. */
  readonly isWhole?: (text: string) => boolean;
}

export async function sendRaw({ to, bytes, tls, ...reading }: RawOptions): Promise<RawAnswer> {
  const connection = new RawConnection(tls ? openTls(to, tls) : openPlain(to));
  const answer = await connection.send(bytes, reading);
  connection.close();
  return answer;
}

/** A connection that is kept: one request after the other. */
export class RawConnection {
  readonly #socket: Socket;
  #received: Buffer[] = [];
  #ended: string | undefined;
  #look: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (part: Buffer) => {
      this.#received.push(part);
      this.#look();
    });
    let why = "ended";
    socket.on("error", (cause: NodeJS.ErrnoException) => {
      why = cause.code ?? cause.message;
    });
    socket.on("end", () => socket.end());
    socket.on("close", () => {
      this.#ended = why;
      this.#look();
    });
  }

  send(bytes: string | Uint8Array, reading: Pick<RawOptions, "patienceMs" | "isWhole"> = {}): Promise<RawAnswer> {
    const { patienceMs = 8_000, isWhole = isWholeHttp } = reading;
    this.#received = [];
    // Before the handshake is done it waits in the socket; on a closed one it is lost, as `closed` says.
    if (this.#socket.writable) this.#socket.write(bytes);
    return new Promise((resolve) => {
      const settle = (): void => {
        clearTimeout(patience);
        this.#look = () => {};
        resolve(answerIn(this.#text(), this.#ended));
      };
      const patience = setTimeout(settle, patienceMs);
      this.#look = () => {
        // Envoy closes a connection that it answered itself only a second later.
        if (this.#ended !== undefined || isWhole(this.#text())) settle();
      };
      this.#look();
    });
  }

  /** Whether the other side closed it by then. */
  closedWithin(patienceMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (): void => {
        clearTimeout(patience);
        this.#look = () => {};
        resolve(this.#ended !== undefined);
      };
      const patience = setTimeout(settle, patienceMs);
      this.#look = () => {
        if (this.#ended !== undefined) settle();
      };
      this.#look();
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #text(): string {
    return Buffer.concat(this.#received).toString("latin1");
  }
}

function isWholeHttp(text: string): boolean {
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const length = /^content-length: *(?<bytes>\d+)/im.exec(head)?.groups?.bytes;
  if (length !== undefined) return rest.join("\r\n\r\n").length >= Number(length);
  return /^transfer-encoding: *chunked/im.test(head) && text.endsWith("0\r\n\r\n");
}

function answerIn(text: string, ended: string | undefined): RawAnswer {
  const status = /^HTTP\/1\.[01] (?<code>\d{3})/.exec(text)?.groups?.code;
  if (status !== undefined) return { kind: "http", status: Number(status), text };
  return ended === undefined ? { kind: "open", text } : { kind: "closed", text, why: ended };
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

/** The certificates that a server presents, leaf first, as DER. */
export function presentedChain(to: string, tls: NonNullable<RawOptions["tls"]>): Promise<readonly Uint8Array[]> {
  return new Promise((resolve, reject) => {
    const socket = openTls(to, tls);
    socket.on("error", reject);
    socket.once("secureConnect", () => {
      const chain: Uint8Array[] = [];
      let next: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
      while (next?.raw && !chain.includes(next.raw)) {
        chain.push(next.raw);
        // What signed itself is its own issuer; the last that was sent has none.
        next = next.issuerCertificate === next ? undefined : next.issuerCertificate;
      }
      resolve(chain);
      socket.destroy();
    });
  });
}

function addressOf(to: string): { readonly host: string; readonly port: number } {
  const colon = to.lastIndexOf(":");
  return { host: to.slice(0, colon), port: Number(to.slice(colon + 1)) };
}

export interface RawRequest {
  readonly method?: string;
  /** The request target, as it is. */
  readonly target?: string;
  /** Lines without their end, as they are. */
  readonly headers?: readonly string[];
  /** Else the last header is Connection: close. */
  readonly keepAlive?: boolean;
}

export function rawRequest({ method = "GET", target = "/", headers = [], keepAlive }: RawRequest): Buffer {
  const last = keepAlive ? [] : ["Connection: close"];
  return Buffer.from([`${method} ${target} HTTP/1.1`, ...headers, ...last, "", ""].join("\r\n"), "latin1");
}

/** Whether bytes come through to a TCP echo (echo.ts) and back. */
export async function reachesTcpEcho(to: string, tls?: RawOptions["tls"]): Promise<boolean> {
  // Of fewer than five bytes a sidecar that takes plaintext and TLS cannot tell which they are, and waits for more.
  const bytes = "five bytes and more";
  const isWhole = (text: string): boolean => text === `hello\n${bytes}`;
  const answer = await sendRaw({ to, bytes, isWhole, ...(tls ? { tls } : {}) });
  if (answer.kind === "closed" && answer.text === "") return false;
  if (isWhole(answer.text)) return true;
  throw new Error(`neither refused nor echoed: ${JSON.stringify(answer)}`);
}
