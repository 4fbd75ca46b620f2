/**
 * The sockets under the gRPC server. Weft accepts and handshakes itself and hands finished connections to gRPC, so that
 * it can count them, replace its own certificate while running, and end a connection whose certificate has run out (a
 * new stream on the old connection would still show the old certificate).
 */
import { createServer, isIPv6, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import { acceptWidely, sharedAddress } from "../platform/accepting.ts";
import { WeftError } from "../platform/error.ts";
import { limits } from "../platform/limits.ts";
import type { Secret } from "../platform/log.ts";

export interface TlsMaterial {
  /** Leaf first, then its intermediates. */
  readonly certificateChainPem: string;
  readonly privateKeyPem: Secret<string>;
  /** What proxies' certificates must chain to. */
  readonly trustedRootsPem: readonly string[];
}

export interface Address {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** Mutual TLS, of connections that it is handed: without a certificate that chains to the roots there is none. */
export function tlsServer(material: TlsMaterial, accept: (socket: TLSSocket) => void): TlsServer {
  const server = createTlsServer({
    ...contextOf(material),
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: "TLSv1.2",
    ALPNProtocols: ["h2"],
    handshakeTimeout: limits.xdsFirstRequestMs,
  });
  server.on("secureConnection", (socket) => {
    socket.on("error", () => socket.destroy());
    accept(socket);
  });
  // A handshake that failed is the other side's affair; its socket is gone already.
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  return server;
}

/** For new connections; those that stand keep what they were made with. */
export function replaceTls(server: TlsServer, material: TlsMaterial): void {
  server.setSecureContext(contextOf(material));
}

function contextOf(material: TlsMaterial): { readonly cert: string; readonly key: string; readonly ca: string[] } {
  return {
    cert: material.certificateChainPem,
    key: material.privateKeyPem.reveal(),
    ca: [...material.trustedRootsPem],
  };
}

/** Plaintext proves nothing about who calls, so it is for this machine only. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

export interface Listening {
  /** host:port, as it really listens. */
  readonly address: string;
  /** Takes no new connection from here on. */
  close(): Promise<void>;
}

/** @param accept is given each connection before anything of it is read. */
export async function listen(address: Address, accept: (socket: Socket) => void): Promise<Listening> {
  const attempted = `listen for xDS on ${address.host}:${address.port}`;
  const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    accept(socket);
  });
  try {
    const at = await sharedAddress(address);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(at, () => resolve());
    });
    const stop = await acceptWidely(server, at, limits.xdsConnections);
    const bound = server.address();
    const port = typeof bound === "object" && bound ? bound.port : at.port;
    return {
      address: isIPv6(address.host) ? `[${address.host}]:${port}` : `${address.host}:${port}`,
      async close() {
        await Promise.all([stop(), new Promise<void>((resolve) => server.close(() => resolve()))]);
      },
    };
  } catch (cause) {
    throw WeftError.from(cause, attempted, { code: "unavailable", retry: "later" });
  }
}
