/**
 * An application that speaks whatever it is spoken to in, on one port: HTTP/1.1, HTTP/2 without TLS, and TCP. Requests are
 * answered with what reached it, and with how it was spoken to (x-spoken: HTTP/1.1 or HTTP/2); bytes of TCP as
 * startTcpEcho answers them.
 */
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttp2Server, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { type Echo, type Reached, startTcpEcho } from "./echo.ts";

const preface = Buffer.from("PRI * HTTP/2");
const requestLine = /^[A-Z]+ \S+ HTTP\/1/;

/** @param headers of every answer to a request. */
export async function startAnyEcho(headers: Readonly<Record<string, string>> = {}): Promise<Echo> {
  const reached: Reached[] = [];
  const answer = (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
    spoken: string,
  ): void => {
    const seen = { method: request.method ?? "", url: request.url ?? "", headers: request.rawHeaders };
    reached.push(seen);
    request.resume();
    for (const [name, value] of Object.entries({ ...headers, "x-spoken": spoken })) response.setHeader(name, value);
    response.end(JSON.stringify(seen));
  };
  const http = createHttpServer((request, response) => answer(request, response, "HTTP/1.1"));
  const http2 = createHttp2Server((request, response) => answer(request, response, "HTTP/2"));
  const tcp = await startTcpEcho();
  const ports = { http: await listening(http), http2: await listening(http2), tcp: tcp.port };
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    socket.once("data", (first: Buffer) => {
      const through = connect(ports[speakerOf(first)], "127.0.0.1");
      for (const end of [socket, through]) {
        sockets.add(end);
        end.on("error", () => {});
        end.on("close", () => {
          sockets.delete(end);
          socket.destroy();
          through.destroy();
        });
      }
      through.write(first);
      socket.pipe(through).pipe(socket);
    });
    socket.on("error", () => {});
  });
  return {
    port: await listening(server),
    takeReached: () => [...reached.splice(0), ...tcp.takeReached()],
    close() {
      for (const one of [server, http, http2]) one.close();
      tcp.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Both of HTTP say it with their first bytes. */
function speakerOf(first: Buffer): "http" | "http2" | "tcp" {
  if (first.subarray(0, preface.length).equals(preface)) return "http2";
  return requestLine.test(first.toString("latin1")) ? "http" : "tcp";
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}
