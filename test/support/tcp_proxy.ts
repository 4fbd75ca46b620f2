/** A TCP proxy on loopback whose connections a test can cut or freeze, as a network would. */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

export class TcpProxy {
  readonly #target: () => number;
  readonly #server: Server;
  /** Each end of each connection → its other end. */
  readonly #ends = new Map<Socket, Socket>();
  #connections = 0;
  #cut = false;
  #frozen = false;

  private constructor(target: () => number) {
    this.#target = target;
    this.#server = createServer((socket) => this.#join(socket));
  }

  static async start(target: () => number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the proxy does not listen");
    return address.port;
  }

  /** Those that are open. */
  get connections(): number {
    return this.#connections;
  }

  /** Ends every connection and refuses new ones, until `mend`. */
  cut(): void {
    this.#cut = true;
    for (const socket of this.#ends.keys()) socket.destroy();
  }

  mend(): void {
    this.#cut = false;
  }

  /** Connections stay and are taken, and carry nothing, until `thaw`: neither side is told. */
  freeze(): void {
    this.#frozen = true;
    for (const [socket, other] of this.#ends) socket.unpipe(other).pause();
  }

  thaw(): void {
    this.#frozen = false;
    for (const [socket, other] of this.#ends) socket.pipe(other);
  }

  async stop(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(client: Socket): void {
    if (this.#cut) {
      client.destroy();
      return;
    }
    this.#connections++;
    client.on("close", () => this.#connections--);
    const upstream = connect(this.#target(), "127.0.0.1");
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#ends.set(socket, other);
      if (!this.#frozen) socket.pipe(other);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#ends.delete(socket);
        other.destroy();
      });
    }
  }
}
