/**
 * A gRPC server for a mesh under test. Its unary methods answer with the call as JSON, or as the call's metadata asks:
 *   x-echo-grpc-status: the status' number
 *   x-echo-failures: so many tries of the call (by its x-request-id) get that status, the next one OK
 *   x-echo-delay-ms: how long it waits before
 */
import {
  type Metadata,
  Metadata as NewMetadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import type { Echo, Reached } from "./echo.ts";

export const grpcMethods = ["/shop.Cart/Get", "/shop.Cart/Put", "/shop.Orders/Get"] as const;

const bytes = (value: Buffer): Buffer => value;

/** @param by of every answer: its x-by. @param failures tries that have failed, where several echoes count together. */
export async function startGrpcEcho(by: string, failures = new Map<string, number>()): Promise<Echo> {
  const reached: Reached[] = [];
  const server = new Server();
  for (const path of grpcMethods) {
    const unary = {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    };
    const call = ({ metadata }: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>): void => {
      const seen = { method: "POST", url: path, headers: rawHeaders(metadata) };
      reached.push(seen);
      const code = statusAsked(metadata, failures);
      const trailers = new NewMetadata();
      trailers.set("x-by", by);
      const settle = (): void => {
        if (code === 0) answer(null, Buffer.from(JSON.stringify(seen)), trailers);
        else answer({ code, details: "as asked", metadata: trailers });
      };
      setTimeout(settle, Number(textOf(metadata, "x-echo-delay-ms") ?? 0));
    };
    server.addService({ call: unary }, { call });
  }
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
    error ? reject(error) : resolve(port),
  );
  return { port: await promise, takeReached: () => reached.splice(0), close: () => server.forceShutdown() };
}

function statusAsked(metadata: Metadata, failures: Map<string, number>): number {
  const status = Number(textOf(metadata, "x-echo-grpc-status") ?? 0);
  const most = textOf(metadata, "x-echo-failures");
  if (most === undefined) return status;
  const id = textOf(metadata, "x-request-id") ?? "";
  const failed = failures.get(id) ?? 0;
  if (failed >= Number(most)) return 0;
  failures.set(id, failed + 1);
  return status;
}

function textOf(metadata: Metadata, name: string): string | undefined {
  return metadata.get(name)[0]?.toString();
}

function rawHeaders(metadata: Metadata): readonly string[] {
  return Object.entries(metadata.getMap()).flatMap(([name, value]) => [name, value.toString()]);
}
