/**
 * The connections of a listener, from when they are accepted until they have ended. A node that dies sends a thousand
 * proxies to the next one, a network that breaks ends as many connections, and libuv hands all of them to the node in one
 * turn of the event loop, in which nobody else is served: a tenth of a millisecond each, and over mTLS more than one. So
 * only limits.xdsHandshakes of them at a time are between being accepted and their first request, and limits.xdsEndsATurn
 * that the other side has ended are taken down in a turn. The others wait: accepted, so that the proxy does not give up,
 * but not read.
 */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Clock, Timer } from "../platform/clock.ts";
import { limits } from "../platform/limits.ts";
import { SlicedWork } from "./sliced_work.ts";

export class Connections {
  readonly #clock: Clock;
  readonly #waiting = new Map<Socket, () => void>();
  readonly #shaking = new Map<string, Timer>();
  /** All that were begun, by what gRPC calls their peer: remoteAddress:remotePort. In TLS the outer one, once it stands. */
  readonly #sockets = new Map<string, Socket>();
  readonly #ending = new SlicedWork(() => (done) => done < limits.xdsEndsATurn);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Accepted, and not read yet. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** @param socket accepted, and paused. `begin` is called when it is its turn. */
  enter(socket: Socket, begin: () => void): void {
    this.#waiting.set(socket, begin);
    socket.once("close", () => this.#waiting.delete(socket));
    this.#beginNext();
  }

  /** It has said its first, or will not within its time: another may begin. */
  begun(peer: string): void {
    this.#shaking.get(peer)?.cancel();
    if (this.#shaking.delete(peer)) this.#beginNext();
  }

  /** @param socket as gRPC is given it. */
  add(socket: Socket): void {
    this.#keep(socket);
    // What the other side has ended needs no farewell of ours, which would cost as much again.
    socket.allowHalfOpen = true;
    socket.once("end", () => this.#ending.add(() => socket.destroy()));
    const destroy = socket._destroy.bind(socket);
    socket._destroy = (error, done) => {
      if (isOfReading(error)) this.#ending.add(() => destroy(error, done));
      else destroy(error, done);
    };
  }

  /** The DER of the certificate that the peer showed; undefined: no such connection, or not over TLS. */
  certificate(peer: string): Uint8Array | undefined {
    const socket = this.#sockets.get(peer);
    return socket instanceof TLSSocket && socket.authorized ? socket.getPeerX509Certificate()?.raw : undefined;
  }

  end(peer: string): void {
    this.#sockets.get(peer)?.destroy();
  }

  endAll(): void {
    for (const socket of [...this.#waiting.keys(), ...this.#sockets.values()]) socket.destroy();
  }

  #beginNext(): void {
    for (const [socket, begin] of this.#waiting) {
      if (this.#shaking.size >= limits.xdsHandshakes) return;
      this.#waiting.delete(socket);
      if (socket.destroyed) continue;
      const peer = this.#keep(socket);
      const timer = this.#clock.after(limits.xdsHandshakeMs, () => this.begun(peer));
      this.#shaking.set(peer, timer);
      begin();
      socket.resume();
    }
  }

  #keep(socket: Socket): string {
    const peer = peerOf(socket);
    if (this.#sockets.get(peer) === socket) return peer;
    this.#sockets.set(peer, socket);
    socket.once("close", () => {
      if (this.#sockets.get(peer) === socket) this.#sockets.delete(peer);
      this.begun(peer);
    });
    return peer;
  }
}

/** The other side has reset it: nothing more is read. */
function isOfReading(error: NodeJS.ErrnoException | null): boolean {
  return error?.syscall === "read";
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}:${remotePort}`;
}
