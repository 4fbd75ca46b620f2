/**
 * Listening so that connections are accepted as fast as they come. libuv takes one connection from each listening socket in
 * a turn of the event loop. Of a node that is busy for 100 ms a turn a hundred proxies that reconnect would wait ten
 * seconds, and clients that gave up and call again too. So a server listens on several sockets of one port, where the
 * kernel spreads connections over them (SO_REUSEPORT); elsewhere on one.
 */
import { createServer, type Server, type ServerOpts, type Socket } from "node:net";

export interface ListenAddress {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** What `listen` of the server itself is to be given. */
export interface SharedAddress extends ListenAddress {
  readonly reusePort: boolean;
  readonly backlog: number;
}

const sockets = process.platform === "linux" ? 16 : 1;
const backlog = 4_096;

/**
 * Of sockets that share a port none would notice another process that has it, so that is found out first.
 * Rejects, as `listen` does, when somebody listens there.
 */
export async function sharedAddress({ host, port }: ListenAddress): Promise<SharedAddress> {
  if (sockets === 1) return { host, port, reusePort: false, backlog };
  const alone = createServer();
  await listening(alone, { host, port });
  const bound = alone.address();
  await new Promise<void>((resolve) => alone.close(() => resolve()));
  return { host, port: typeof bound === "object" && bound ? bound.port : port, reusePort: true, backlog };
}

/**
 * Call it when `server` listens there; its connections come as they would without.
 * @param most connections at a time; more are closed at once. Absent: the server's affair.
 * @returns how to stop: before the server itself is closed.
 */
export async function acceptWidely(server: Server, at: SharedAddress, most?: number): Promise<() => Promise<void>> {
  const load = new Load(server, most);
  // Set by its constructor, and not in its type.
  const { allowHalfOpen = false, noDelay = false, pauseOnConnect = false } = server as Server & ServerOpts;
  const doors: Server[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(doors.map((door) => new Promise<void>((resolve) => door.close(() => resolve()))));
  };
  try {
    while (at.reusePort && doors.length < sockets - 1) {
      const door = createServer({ allowHalfOpen, noDelay, pauseOnConnect }, (socket) => load.take(socket));
      doors.push(door);
      await listening(door, at);
    }
  } catch (cause) {
    await close();
    throw cause;
  }
  return close;
}

class Load {
  readonly #server: Server;
  readonly #most: number | undefined;
  #open = 0;
  #through = 0;

  constructor(server: Server, most: number | undefined) {
    this.#server = server;
    this.#most = most;
    server.on("connection", (socket: Socket) => {
      this.#open++;
      socket.once("close", () => this.#open--);
    });
    this.#leave();
  }

  /** Of one of the other sockets. */
  take(socket: Socket): void {
    if (this.#most !== undefined && this.#open >= this.#most) {
      socket.destroy();
      return;
    }
    this.#through++;
    this.#leave();
    socket.once("close", () => {
      this.#through--;
      this.#leave();
    });
    this.#server.emit("connection", socket);
  }

  /** The server counts only what comes through its own socket. */
  #leave(): void {
    if (this.#most !== undefined) this.#server.maxConnections = Math.max(0, this.#most - this.#through);
  }
}

function listening(server: Server, at: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(at, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
