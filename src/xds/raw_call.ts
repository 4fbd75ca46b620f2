/**
 * A gRPC call as messages of bytes, without the object stream that grpc-js makes for a handler: an interceptor answers in
 * the handler's place. A change goes out to every proxy and comes back acknowledged, so each step between the
 * connection and the session is paid thousands of times.
 */
import {
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type status,
} from "@grpc/grpc-js";

export interface CallListener {
  received(bytes: Buffer): void;
  /** The peer says no more. */
  halfClosed(): void;
  /** The call is over, whoever ended it. */
  gone(): void;
}

export class RawCall {
  readonly #call: ServerInterceptingCallInterface;
  #paused = false;
  #delivering = false;

  constructor(call: ServerInterceptingCallInterface) {
    this.#call = call;
  }

  /** host:port */
  get peer(): string {
    return this.#call.getPeer();
  }

  /** `flushed` is called when the peer's windows have taken it. */
  write(bytes: Buffer, flushed: () => void): void {
    this.#call.sendMessage(bytes, flushed);
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
