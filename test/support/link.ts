/**
 * A TCP link that can be cut in either direction, as a network would: what is said while it is cut arrives when it heals,
 * an end of a connection too, and neither side is told. Where several clients come over one link, each is known by the
 * name in its first words to NATS.
 */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** `out`: from the client to the server. */
export interface Cut {
  readonly out: boolean;
  readonly back: boolean;
}

export const whole: Cut = { out: false, back: false };

export interface LinkOptions {
  /** 0: any. */
  readonly port: number;
  readonly target: number;
}

/** What a client wrote into a link while it was cut. */
export interface Held {
  readonly client: string;
  readonly text: string;
}

export class Link {
  readonly #target: number;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  #cutOf: (client: string) => Cut = () => whole;

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((socket) => this.#join(socket));
  }

  /** Resolves when it listens: also on a port that its last owner gives up only now. */
  static async start({ port, target }: LinkOptions): Promise<Link> {
    const link = new Link(target);
    for (;;) {
      link.#server.listen(port, "127.0.0.1");
      const failed = await Promise.race([
        once(link.#server, "listening").then(() => undefined),
        once(link.#server, "error").then(([cause]) => cause as NodeJS.ErrnoException),
      ]).catch((cause: NodeJS.ErrnoException) => cause);
      if (failed === undefined) return link;
      if (failed.code !== "EADDRINUSE") throw failed;
    }
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the link does not listen");
    return address.port;
  }

  /** From now on; also for connections that come later. */
  cut(cutOf: (client: string) => Cut): void {
    this.#cutOf = cutOf;
    for (const connection of this.#connections) connection.cut(cutOf(connection.client));
  }

  /** What clients said that has not arrived. */
  held(): readonly Held[] {
    return [...this.#connections].flatMap(({ client, held }) => (held === "" ? [] : [{ client, text: held }]));
  }

  async stop(): Promise<void> {
    this.#server.close();
    for (const connection of this.#connections) connection.end();
    await once(this.#server, "close");
  }

  #join(client: Socket): void {
    const connection = new Connection(client, connect(this.#target, "127.0.0.1"), {
      named: (name) => connection.cut(this.#cutOf(name)),
      over: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    connection.cut(this.#cutOf(""));
  }
}

interface ConnectionEvents {
  named(client: string): void;
  over(): void;
}

class Connection {
  client = "";
  readonly #sockets: readonly [client: Socket, server: Socket];
  readonly #out: Way;
  readonly #back: Way;

  constructor(client: Socket, server: Socket, { named, over }: ConnectionEvents) {
    this.#sockets = [client, server];
    this.#out = new Way(client, server, (chunk) => {
      const [, name] = /^CONNECT .*?"name":"([^"]*)"/.exec(this.client === "" ? chunk.toString("latin1") : "") ?? [];
      if (name === undefined) return;
      this.client = name;
      named(name);
    });
    this.#back = new Way(server, client, () => {});
    for (const socket of this.#sockets) socket.on("close", () => client.destroyed && server.destroyed && over());
  }

  get held(): string {
    return this.#out.held;
  }

  cut({ out, back }: Cut): void {
    this.#out.cut(out);
    this.#back.cut(back);
  }

  end(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** One direction of one connection. */
class Way {
  readonly #to: Socket;
  readonly #waiting: Buffer[] = [];
  #isCut = false;
  #ended = false;

  constructor(from: Socket, to: Socket, see: (chunk: Buffer) => void) {
    this.#to = to;
    from.setNoDelay(true);
    from.on("data", (chunk: Buffer) => {
      see(chunk);
      if (this.#isCut) this.#waiting.push(chunk);
      else if (!to.destroyed) to.write(chunk);
    });
    from.on("error", () => {});
    from.on("close", () => {
      this.#ended = true;
      if (!this.#isCut) to.destroy();
    });
  }

  get held(): string {
    return Buffer.concat(this.#waiting).toString("latin1");
  }

  cut(isCut: boolean): void {
    this.#isCut = isCut;
    if (isCut) return;
    for (const chunk of this.#waiting.splice(0)) if (!this.#to.destroyed) this.#to.write(chunk);
    if (this.#ended) this.#to.end();
  }
}
