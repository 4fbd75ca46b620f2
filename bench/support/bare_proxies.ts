/** Connections that say nothing, in layers, to tell apart what each layer costs the node. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { TlsIdentity } from "../../test/support/raw_http.ts";
import { requestAds } from "./ads_proxy.ts";

export interface BareProxies {
  /** In their order. */
  readonly layers: Readonly<Record<string, () => Promise<void>>>;
  close(): void;
}

/** @param identity absent: in plaintext. */
export function bareProxies(address: string, count: number, identity?: TlsIdentity): BareProxies {
  const [host = "", port = ""] = address.split(":");
  const sockets: Socket[] = [];
  let sessions: readonly ClientHttp2Session[] = [];
  return {
    layers: {
      "a connection, with the session that waits on it": async () => {
        for (let n = 0; n < count; n++) {
          const socket = open(host, Number(port), identity);
          sockets.push(socket);
          await once(socket, identity ? "secureConnect" : "connect");
        }
      },
      "its HTTP/2 settings": async () => {
        sessions = sockets.map((socket) => connectHttp2(`http://${address}`, { createConnection: () => socket }));
        await Promise.all(sessions.map((session) => once(session, "remoteSettings")));
      },
      "its stream, before its first request": async () => {
        for (const session of sessions) {
          const stream = requestAds(session);
          // The node ends it when it has said nothing for too long.
          stream.on("error", () => {});
        }
      },
    },
    close() {
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Who the node is does not matter to what it needs. */
function open(host: string, port: number, identity: TlsIdentity | undefined): Socket {
  if (!identity) return connect(port, host);
  const { keyPem: key, chainPem: cert } = identity;
  return connectTls({ host, port, key, cert, rejectUnauthorized: false, ALPNProtocols: ["h2"] });
}

export function residentKb(pid: number): number {
  const [, kb] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kb);
}
