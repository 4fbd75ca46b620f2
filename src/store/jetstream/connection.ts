/**
 * The way to the nats-servers: one live session at a time, a new one as soon as it ends, for ever. A session is one TCP
 * connection; nothing is buffered between two, so a request is sent at most once and an answer always belongs to it.
 * (The client's own reconnecting is off for that reason, and because it can wait without end to flush to a server that
 * is frozen.) A server that does not answer pings is given up within 2 s, a frozen one at connect within 1 s.
 *
 *   connecting ──connected──▶ live ──closed, or pings unanswered──▶ connecting (after 100–500 ms)
 */
import { setMaxListeners } from "node:events";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import {
  AuthorizationError,
  connect,
  createInbox,
  credsAuthenticator,
  type NatsConnection,
  PermissionViolationError,
} from "@nats-io/transport-node";
import { type Clock, sleep } from "../../platform/clock.ts";
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import { integerIn, type Random } from "../../platform/random.ts";
import { inboxPrefix } from "./names.ts";
import { Questions } from "./questions.ts";

/** PEM, not paths. */
export interface NatsTls {
  /** Who signs the servers' certificates. */
  readonly ca: string;
  /** What we show to servers that verify clients. */
  readonly own?: { readonly cert: string; readonly key: string };
}

export interface Credentials {
  readonly user?: string;
  readonly pass?: string;
  /** Contents of a .creds file, instead of user and pass. */
  readonly credentials?: string;
  /** With it, a server that offers no TLS is refused. */
  readonly tls?: NatsTls;
}

export interface ConnectionOptions extends Credentials {
  readonly servers: readonly string[];
  /** How the server's own pages name this client. */
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface Session {
  readonly nats: NatsConnection;
  readonly manager: JetStreamManager;
  readonly questions: Questions;
  /** A new subject that this account may listen on. */
  inbox(): string;
  /** Aborted when the session is over. */
  readonly over: AbortSignal;
}

export function clientOptions({ user, pass, credentials, tls }: Credentials): Parameters<typeof connect>[0] {
  return {
    reconnect: false,
    timeout: limits.natsConnectMs,
    pingInterval: limits.natsPingMs,
    maxPingOut: 2,
    ...(user !== undefined && { user, inboxPrefix: inboxPrefix(user) }),
    ...(pass !== undefined && { pass }),
    ...(tls && { tls: { ca: tls.ca, ...tls.own } }),
    ...(credentials !== undefined && { authenticator: credsAuthenticator(new TextEncoder().encode(credentials)) }),
  };
}

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #closing = new AbortController();
  readonly #waiting = new Set<(session: Session) => void>();
  readonly #running: Promise<void>;
  #live: Session | undefined;
  #refused: WeftError | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** The live session, or the next one; rejects at the end of `until` or when the servers refuse us. */
  session(until: { readonly signal: AbortSignal }): Promise<Session> {
    if (this.#refused) return Promise.reject(this.#refused);
    if (this.#live) return Promise.resolve(this.#live);
    const { signal } = until;
    return new Promise((resolve, reject) => {
      const either = AbortSignal.any([signal, this.#closing.signal]);
      const stop = (): void => {
        this.#waiting.delete(taken);
        reject(this.#refused ?? this.#unavailable(either.reason));
      };
      const taken = (session: Session): void => {
        either.removeEventListener("abort", stop);
        resolve(session);
      };
      if (either.aborted) return stop();
      this.#waiting.add(taken);
      either.addEventListener("abort", stop, { once: true });
    });
  }

  async close(): Promise<void> {
    this.#closing.abort(
      new WeftError({ code: "cancelled", retry: "never", attempted: "use the store", because: "it is closed" }),
    );
    if (this.#live) await closeQuietly(this.#live.nats, this.#options.clock);
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, random, logger, servers } = this.#options;
    let everLive = false;
    let failures = 0;
    while (!this.#closing.signal.aborted) {
      try {
        const over = await this.#open();
        everLive = true;
        failures = 0;
        logger.info("nats.connected", { servers });
        await ended(over);
        this.#live = undefined;
        if (!this.#closing.signal.aborted) logger.warn("nats.disconnected", { servers });
      } catch (cause) {
        // Later a server that restarts may refuse for a moment; at the start it is a mistake that nobody else reports.
        if (cause instanceof AuthorizationError && !everLive) return this.#refuse(cause);
        if (failures++ === 0) logger.warn("nats.unreachable", { servers, because: String(cause) });
      }
      const waitMs = integerIn(random, limits.natsReconnectMinMs, limits.natsReconnectMaxMs);
      await sleep(clock, waitMs, this.#closing.signal).catch(() => {});
    }
  }

  async #open(): Promise<AbortSignal> {
    const { servers, name, user } = this.#options;
    const nats = await connect({ ...clientOptions(this.#options), servers: [...servers], name, noAsyncTraces: true });
    const over = new AbortController();
    // Every request under way listens to it.
    setMaxListeners(0, over.signal);
    if (this.#closing.signal.aborted) {
      await nats.close();
      over.abort();
      return over.signal;
    }
    const manager = await jetstreamManager(nats, { timeout: limits.storeReadMs, checkAPI: false });
    const inbox = (): string => createInbox(user === undefined ? undefined : inboxPrefix(user));
    const questions = new Questions(nats, inbox());
    over.signal.addEventListener("abort", () => questions.end(over.signal.reason), { once: true });
    watch(nats, over, questions, this.#options.clock);
    const session: Session = { nats, manager, questions, inbox, over: over.signal };
    this.#live = session;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const taken of waiting) taken(session);
    return over.signal;
  }

  #refuse(cause: AuthorizationError): void {
    this.#refused = new WeftError({
      code: "denied",
      retry: "never",
      attempted: `connect to NATS at ${this.#options.servers.join(", ")}`,
      because: "the server refuses our credentials",
      next: "check user and password, or the .creds file",
      cause,
    });
    this.#closing.abort(this.#refused);
  }

  #unavailable(cause: unknown): WeftError {
    if (cause instanceof WeftError) return cause;
    const attempted = `reach NATS at ${this.#options.servers.join(", ")}`;
    return new WeftError({ code: "unavailable", retry: "later", attempted, because: "not connected", cause });
  }
}

/** Ends the session when the connection closes, and already when its pings stay unanswered. */
function watch(nats: NatsConnection, over: AbortController, questions: Questions, clock: Clock): void {
  const end = (): void => {
    over.abort(
      new WeftError({ code: "unavailable", retry: "later", attempted: "ask NATS", because: "the connection ended" }),
    );
  };
  void nats.closed().then(end);
  void (async () => {
    for await (const status of nats.status()) {
      if (status.type === "error" && status.error instanceof PermissionViolationError) questions.refused(status.error);
      if (status.type !== "staleConnection" && status.type !== "disconnect") continue;
      end();
      // Not awaited: with a frozen server it may never finish.
      void closeQuietly(nats, clock);
    }
  })();
}

/**
 * Closes the connection, but not in the same turn as a last write: if the server is just gone, that write fails in the
 * next tick, and the client, once closed, no longer listens for it, so the process would end with an uncaught error.
 */
async function closeQuietly(nats: NatsConnection, clock: Clock): Promise<void> {
  await sleep(clock, 0);
  await nats.close().catch(() => {});
}

function ended(over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (over.aborted) return resolve();
    over.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** `work`, but no longer than the session lives and the signal allows. */
export function during<T>(session: Session, work: Promise<T>, signal?: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stopOver = (): void => reject(session.over.reason);
    const stopSignal = (): void => reject(signal?.reason);
    session.over.addEventListener("abort", stopOver);
    signal?.addEventListener("abort", stopSignal);
    work.then(resolve, reject).finally(() => {
      session.over.removeEventListener("abort", stopOver);
      signal?.removeEventListener("abort", stopSignal);
    });
    if (session.over.aborted) stopOver();
    else if (signal?.aborted) stopSignal();
  });
}
