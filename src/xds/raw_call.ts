/**
 * A gRPC call as messages of bytes, without the object stream that grpc-js makes for a handler: an interceptor answers in
 * the handler's place. A change goes out to every proxy and comes back acknowledged, so each step between the
 * connection and the session is paid thousands of times.
 */
import type { ServerHttp2Stream } from "node:http2";
import { Duplex } from "node:stream";
import {
  Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type status,
} from "@grpc/grpc-js";
import { messageOf } from "./frame.ts";

export interface CallListener {
  received(bytes: Buffer): void;
  /** The peer says no more. */
  halfClosed(): void;
  /** The call is over, whoever ended it. */
  gone(): void;
}

export class RawCall {
  readonly #call: ServerInterceptingCallInterface;
  /** The call's own, on which frames go out as they are. grpc-js copies each message behind its prefix: a megabyte for each proxy. */
  readonly #stream: ServerHttp2Stream | undefined;
  #begun = false;
  #paused = false;
  #delivering = false;

  constructor(call: ServerInterceptingCallInterface) {
    this.#call = call;
    this.#stream = streamOf(call);
  }

  /** host:port */
  get peer(): string {
    return this.#call.getPeer();
  }

  /** @param frame with gRPC's prefix. `flushed` is called when the peer's windows have taken it. */
  write(frame: Buffer, flushed: () => void): void {
    const stream = this.#stream;
    if (!stream) {
      this.#call.sendMessage(messageOf(frame), flushed);
      return;
    }
    if (!this.#begun) this.#call.sendMetadata(new Metadata());
    this.#begun = true;
    // What is over says so by itself (`gone`).
    if (stream.destroyed || stream.closed) return;
    stream.write(frame, (failed) => {
      if (!failed) flushed();
    });
  }

  end(code: status, details: string): void {
    this.#call.sendStatus({ code, details, metadata: null });
  }

  /** Nothing more is read until `resume`. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    if (!this.#delivering) this.#call.startRead();
  }

  deliver(bytes: Buffer, to: CallListener): void {
    this.#delivering = true;
    to.received(bytes);
    this.#delivering = false;
    if (!this.#paused) this.#call.startRead();
  }
}

/** It stands in a field of grpc-js that is not public; where it does not, messages go the long way. */
function streamOf(call: ServerInterceptingCallInterface): ServerHttp2Stream | undefined {
  const stream: unknown = Reflect.get(call, "stream");
  return stream instanceof Duplex && "respond" in stream ? (stream as ServerHttp2Stream) : undefined;
}

/** @param open called once for each call of a registered method, when it begins. */
export function takingCalls(open: (path: string, call: RawCall) => CallListener): ServerInterceptor {
  return ({ path }, inner) => {
    const call = new RawCall(inner);
    let listener: CallListener | undefined;
    return new ServerInterceptingCall(inner, {
      start: (next) =>
        next({
          onReceiveMetadata: () => {
            listener = open(path, call);
            call.resume();
          },
          onReceiveMessage: (message: Buffer) => {
            if (listener) call.deliver(message, listener);
          },
          onReceiveHalfClose: () => listener?.halfClosed(),
          onCancel: () => listener?.gone(),
        }),
    });
  };
}
