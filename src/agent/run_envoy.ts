/**
 * The Envoy of one run with all that it needs beside it: its secrets on their socket, its bootstrap, its admin page, its
 * process kept running. Ports that the agent itself chose and that somebody else took move: the admin port at any start,
 * listeners until the client has been told of them. Owned by Run, which is told what happens and decides what it means.
 */
import type { StoredSecretReply, StoredSecretRequest } from "../certificates/attestation/protocol.ts";
import { type LocalAddress, nameOfWorkload } from "../model/workload.ts";
import { WeftError } from "../platform/error.ts";
import { canBind } from "../platform/free_ports.ts";
import { limits } from "../platform/limits.ts";
import { isRunning } from "../platform/process_id.ts";
import { EnvoyAdmin } from "./envoy/admin.ts";
import { bootstrapOf } from "./envoy/bootstrap.ts";
import { EnvoyKeeper } from "./envoy/keeper.ts";
import type { HeldPorts } from "./held_ports.ts";
import type { Identity } from "./identities.ts";
import type { KeptRecord } from "./kept_record.ts";
import type { RetryPorts } from "./retry.ts";
import { SecretServer } from "./sds/server.ts";
import type { SecretVersions } from "./sds/stored_secrets.ts";
import type { Trust } from "./trust.ts";
import { expectedListeners, fixedAddresses, printAddress, withMoved } from "./workloads.ts";

export interface RunEnvoyParts extends RetryPorts {
  readonly kept: KeptRecord;
  readonly ports: HeldPorts;
  readonly trust: Trust;
  /** The program. */
  readonly envoy: string;
  readonly xdsAddresses: { readonly path: string; readonly directory: string };
  /** From a node. */
  storedSecret(request: StoredSecretRequest): Promise<StoredSecretReply>;
  /** Nodes should hear of what has become of secrets before the next heartbeat. */
  secretsSettled(): void;
}

export interface RunEnvoyEvents {
  /** It is configured and listens. */
  ready(): void;
  /** It died, and will be started again. */
  down(): void;
  /** Listeners of the record have other addresses now, and a node must know before the Envoy can listen there. */
  moved(): void;
  warn(message: string): void;
  /** It cannot be started at all. */
  failed(error: WeftError): void;
}

export class RunEnvoy {
  readonly #parts: RunEnvoyParts;
  readonly #events: RunEnvoyEvents;
  #admin: EnvoyAdmin;
  #secrets: SecretServer | undefined;
  #identity: Identity | undefined;
  #keeper: EnvoyKeeper | undefined;
  /** Whether somebody was told where it listens. */
  #known: boolean;
  #stopped = false;

  constructor(parts: RunEnvoyParts, events: RunEnvoyEvents) {
    this.#parts = parts;
    this.#events = events;
    this.#known = parts.kept.now.serving;
    this.#admin = new EnvoyAdmin(parts.clock, parts.kept.now.admin);
  }

  get admin(): EnvoyAdmin {
    return this.#admin;
  }

  get running(): boolean {
    const { envoy } = this.#parts.kept.now;
    return envoy !== undefined && isRunning(envoy);
  }

  get svidSerial(): string | undefined {
    return this.#secrets?.acknowledgedSerial;
  }

  /** As SecretServer has it. */
  get settledSecrets(): SecretVersions {
    return this.#secrets?.settled ?? {};
  }

  async openSecrets(): Promise<void> {
    const { clock, log, trust, kept } = this.#parts;
    const fetch = (name: string): Promise<StoredSecretReply> =>
      this.#parts.storedSecret({ workload: nameOfWorkload(kept.now.workload), name });
    const secrets = await SecretServer.listen(kept.now.sdsSocket, {
      clock,
      log,
      fetch,
      onSettled: () => this.#parts.secretsSettled(),
    });
    // The run may have ended meanwhile.
    if (this.#stopped) return secrets.close();
    this.#secrets = secrets;
    secrets.offerTrust(trust.joined.bundle);
    if (this.#identity) secrets.offerIdentity(this.#identity);
  }

  offer(identity: Identity): void {
    this.#identity = identity;
    this.#secrets?.offerIdentity(identity);
  }

  trustChanged(): void {
    this.#secrets?.offerTrust(this.#parts.trust.joined.bundle);
  }

  secretVersions(versions: SecretVersions): void {
    this.#secrets?.storedVersions(versions);
  }

  /** A first Envoy. */
  start(): void {
    this.#saveBootstrap(this.#parts.kept.now.admin);
    this.#keep();
  }

  /** The Envoy that an agent before this one left, or another in its place. */
  adopt(): void {
    this.#keep();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#keeper?.stop();
    this.#secrets?.close();
    this.#admin.close();
  }

  #keep(): void {
    if (this.#stopped) return;
    const { clock, random, log, envoy, kept } = this.#parts;
    this.#keeper = new EnvoyKeeper({
      ...{ clock, random, log },
      command: { envoy, ...kept.paths },
      admin: () => this.#admin,
      expected: () => expectedListeners(kept.now.workload),
      prepare: () => this.#moveStolenAdmin(),
      events: {
        started: (id) => {
          const again = id.pid === kept.now.envoy?.pid;
          kept.change({ envoy: id, starts: kept.now.starts + (again ? 0 : 1) });
        },
        ready: () => {
          this.#known = true;
          this.#events.ready();
        },
        down: () => {
          if (!this.#known) this.#warn("Envoy ended before it was configured and is started again");
          this.#events.down();
        },
        missing: (listeners, forMs) => {
          this.#missing(listeners, forMs).catch((cause) =>
            this.#events.failed(WeftError.from(cause, "move its ports")),
          );
        },
        failed: (error) => this.#events.failed(error),
      },
    });
    this.#keeper.begin(kept.now.envoy);
  }

  /** An Envoy that cannot have its admin port does not start at all. */
  async #moveStolenAdmin(): Promise<void> {
    const { kept, ports, log, clock } = this.#parts;
    const { admin } = kept.now;
    if (await canBind(admin)) return;
    const moved = await ports.take();
    this.#saveBootstrap(moved);
    kept.change({ admin: moved });
    ports.release(admin);
    this.#admin.close();
    this.#admin = new EnvoyAdmin(clock, moved);
    log.warn("admin-port-taken", { before: printAddress(admin), now: printAddress(moved) });
  }

  /** Somebody took a port between its choice and the Envoy's bind: the agent's own choices move, a user's cannot. */
  async #missing(listeners: readonly LocalAddress[], forMs: number): Promise<void> {
    const { kept, ports, log } = this.#parts;
    const fixed = new Set(fixedAddresses(kept.now.request).map(printAddress));
    const movable = this.#known ? [] : listeners.filter((at) => !fixed.has(printAddress(at)));
    const moved = new Map<string, LocalAddress>();
    for (const at of movable) if (!(await canBind(at))) moved.set(printAddress(at), await ports.take(at.address));
    if (this.#stopped) return;
    if (moved.size > 0) {
      log.warn("ports-taken", { ports: [...moved.keys()] });
      kept.change({ workload: withMoved(kept.now.workload, moved) });
      for (const at of movable) if (moved.has(printAddress(at))) ports.release(at);
      this.#events.moved();
    } else if (forMs >= limits.proxyReadyWarnMs) {
      const what = listeners.length === 0 ? "its first configuration" : listeners.map(printAddress).join(", ");
      this.#warn(`the sidecar still waits for ${what}`);
    }
  }

  #saveBootstrap(admin: LocalAddress): void {
    const { kept, trust, xdsAddresses } = this.#parts;
    const { workload, sdsSocket } = kept.now;
    kept.saveBootstrap(bootstrapOf({ workload, admin, sdsSocket, xdsAddresses, meshdId: trust.meshdId }));
  }

  #warn(what: string): void {
    this.#events.warn(`${what}; its log: ${this.#parts.kept.paths.logPath}`);
  }
}
