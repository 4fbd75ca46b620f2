/**
 * One workload on this host, from its request to its end:
 *
 *   starting ──registered, SVID there, Envoy configured──▶ serving ◀──▶ restarting   (its Envoy died)
 *       └───────────────────────┴──────────end────────────────┴─────▶ ending ──▶ gone
 *
 * Only while serving is there an endpoint. An end withdraws it first and serves on for limits.withdrawMs, so that no
 * caller's proxy still sends requests when the Envoy stops. A run that is adopted begins as `restarting`, or as
 * `serving` if its Envoy runs and its endpoint was announced. Made, found and ended by Host.
 */
import type { WorkloadSet } from "../certificates/attestation/protocol.ts";
import { serviceAccountId } from "../model/identity.ts";
import type { WorkloadName } from "../model/names.ts";
import type { HostedWorkload, RunRequest } from "../model/run.ts";
import { type LocalAddress, nameOfWorkload, type Workload } from "../model/workload.ts";
import { sleep } from "../platform/clock.ts";
import { limits } from "../platform/limits.ts";
import { isRunning } from "../platform/process_id.ts";
import { EnvoyAdmin } from "./envoy/admin.ts";
import { bootstrapOf } from "./envoy/bootstrap.ts";
import { EnvoyKeeper, type KeeperEvents } from "./envoy/keeper.ts";
import type { Identities, Identity } from "./identities.ts";
import type { PortAllocator } from "./ports.ts";
import { canBind } from "./ports.ts";
import type { Registration } from "./registration.ts";
import { type RetryPorts, within } from "./retry.ts";
import { RunFailure, readyEvent } from "./run_events.ts";
import type { RunRecord, RunRecords } from "./run_record.ts";
import { SecretServer } from "./sds/server.ts";
import { type Client, Session } from "./session.ts";
import type { Trust } from "./trust.ts";
import { addressesOf, expectedListeners, fixedAddresses, printAddress, withMoved } from "./workloads.ts";

export interface RunParts extends RetryPorts {
  readonly records: RunRecords;
  readonly trust: Trust;
  readonly registration: Registration;
  readonly identities: Identities;
  readonly ports: PortAllocator;
  readonly envoy: string;
  readonly xdsAddresses: { readonly path: string; readonly directory: string };
  /** The name was taken on another host: the next one to try, or undefined when the user chose it. */
  nextName(run: Run): string | undefined;
  sdsSocket(workload: WorkloadName): string;
  gone(run: Run): void;
}

export class Run {
  readonly session: Session;
  readonly #parts: RunParts;
  readonly #over = new AbortController();
  readonly #haveIdentity = Promise.withResolvers<void>();
  #record: RunRecord;
  #state: HostedWorkload["state"] = "starting";
  /** Whether a node was told of it, and so must be told of its end. */
  #registered = false;
  #readyOnce = false;
  /** Its Envoy died, and the client knows of the one before. */
  #died = false;
  #widening = false;
  #secrets: SecretServer | undefined;
  #keeper: EnvoyKeeper | undefined;
  #identity: Identity | undefined;
  #end: Promise<void> | undefined;

  constructor(parts: RunParts, record: RunRecord) {
    this.#parts = parts;
    this.#record = record;
    this.session = new Session(parts.clock, () => void this.end("its client is gone"));
  }

  get request(): RunRequest {
    return this.#record.request;
  }

  get workload(): Workload {
    return this.#record.workload;
  }

  get name(): WorkloadName {
    return nameOfWorkload(this.#record.workload);
  }

  get record(): RunRecord {
    return this.#record;
  }

  get ending(): boolean {
    return this.#end !== undefined;
  }

  get svidSerial(): string | undefined {
    return this.#secrets?.acknowledgedSerial;
  }

  get admin(): EnvoyAdmin {
    return new EnvoyAdmin(this.#parts.clock, this.#record.admin);
  }

  /** undefined: nothing of it is to be registered. */
  get item(): WorkloadSet["workloads"][number] | undefined {
    if (!this.#registered) return undefined;
    return { workload: this.workload, serving: this.#record.serving, health: "healthy" };
  }

  get status(): HostedWorkload {
    const { admin, envoy, starts, workload } = this.#record;
    return {
      workload: this.name,
      role: workload.role,
      state: this.#state,
      attended: this.session.attended,
      admin: printAddress(admin),
      envoyPid: envoy?.pid ?? null,
      envoyStarts: starts,
      svidSerial: this.svidSerial ?? null,
    };
  }

  /** A client for it: a first one, or the same again. */
  attach(client: Client): void {
    this.session.attach(client);
    this.#died = false;
    if (this.#state === "serving") this.#tellReady();
  }

  /** A new run. */
  start(): void {
    void this.#failing(async () => {
      await this.#checkFixedAddresses();
      await this.#register();
      await this.#openSecrets();
      await this.#haveIdentity.promise;
      const bootstrap = bootstrapOf({
        workload: this.workload,
        admin: this.#record.admin,
        sdsSocket: this.#record.sdsSocket,
        xdsAddresses: this.#parts.xdsAddresses,
        meshdId: this.#parts.trust.meshdId,
      });
      this.#parts.records.saveBootstrap(this.#record, bootstrap);
      this.#startEnvoy();
    });
  }

  /** One that an agent before this one left behind. */
  adopt(): void {
    this.session.wait(limits.adoptedSessionGraceMs);
    const { envoy } = this.#record;
    const runs = envoy !== undefined && isRunning(envoy);
    this.#registered = true;
    this.#readyOnce = this.#record.serving;
    this.#state = "restarting";
    this.#change({ serving: this.#record.serving && runs });
    this.#parts.registration.tellSoon();
    void this.#failing(async () => {
      await this.#openSecrets();
      if (!runs) await this.#haveIdentity.promise;
      this.#startEnvoy();
    });
  }

  take(identity: Identity): void {
    this.#identity = identity;
    this.#secrets?.offerIdentity(identity);
    this.#haveIdentity.resolve();
  }

  trustChanged(): void {
    this.#secrets?.offerTrust(this.#parts.trust.joined.bundle);
  }

  /** Gateway objects ask for these ports: each that has no address yet gets one, and the client is told. */
  async wantPorts(ports: readonly number[]): Promise<void> {
    const { workload } = this;
    if (workload.role !== "gateway" || this.#widening || this.ending) return;
    const wanted = ports.filter((port) => !Object.hasOwn(workload.listeners, port));
    if (wanted.length === 0) return;
    this.#widening = true;
    try {
      const added: Record<string, LocalAddress> = {};
      for (const port of wanted) added[port] = await this.#parts.ports.take();
      this.#change({ workload: { ...workload, listeners: { ...workload.listeners, ...added } } });
      await this.#parts.registration.tell();
      for (const [port, at] of Object.entries(added)) {
        this.session.tell({ event: "listener", port: Number(port), address: printAddress(at) });
      }
    } finally {
      this.#widening = false;
    }
  }

  refused(message: string): void {
    if (this.#readyOnce) this.session.tell({ event: "warning", message });
  }

  /** Withdraws it, then stops its Envoy. Resolves when nothing of it is left; may be called again. */
  end(because: string): Promise<void> {
    this.#end ??= this.#finish(because);
    return this.#end;
  }

  async #finish(because: string): Promise<void> {
    const { clock, registration, identities, ports, records, log } = this.#parts;
    log.info("workload-ends", { workload: this.name, because });
    const announced = this.#record.serving;
    this.#state = "ending";
    this.#over.abort();
    if (announced) {
      this.#change({ serving: false });
      await within(clock, limits.agentRequestMs, registration.tell());
      await sleep(clock, limits.withdrawMs);
    }
    await this.#keeper?.stop();
    identities.remove(this.name);
    this.#secrets?.close();
    for (const at of [this.#record.admin, ...addressesOf(this.workload)]) ports.release(at);
    records.remove(this.#record);
    this.#parts.gone(this);
    if (this.#registered) await within(clock, limits.agentRequestMs, registration.tell());
    this.session.close();
  }

  async #failing(steps: () => Promise<void>): Promise<void> {
    try {
      await steps();
    } catch (cause) {
      if (!this.ending) this.#fail(cause);
    }
  }

  #fail(cause: unknown): void {
    const failure = RunFailure.from(cause, `run ${this.name}`);
    this.#parts.log.error("workload-failed", { workload: this.name, because: failure.message });
    this.session.tell({ event: "failed", message: failure.message, exit: failure.exit });
    void this.end("it failed");
  }

  async #checkFixedAddresses(): Promise<void> {
    for (const at of fixedAddresses(this.request)) {
      if (await canBind(at)) continue;
      throw new RunFailure(1, `${printAddress(at)} is taken by another program; choose another port, or 0 for any`);
    }
  }

  async #register(): Promise<void> {
    this.#registered = true;
    for (;;) {
      const reply = await this.#parts.registration.tell();
      if (this.ending) throw new RunFailure(1, "it was ended");
      const refusal = reply.refused.find(({ workload }) => workload === this.name);
      if (!refusal) return;
      const next = refusal.code === "name-taken" ? this.#parts.nextName(this) : undefined;
      // Whatever else a node refuses is wrong in what was asked.
      if (next === undefined) throw new RunFailure(refusal.code === "name-taken" ? 1 : 65, refusal.message);
      const workload = { ...this.workload, name: next };
      this.#record = { ...this.#record, workload, sdsSocket: this.#parts.sdsSocket(nameOfWorkload(workload)) };
    }
  }

  async #openSecrets(): Promise<void> {
    const { log, trust, identities } = this.#parts;
    this.#secrets = await SecretServer.listen(this.#record.sdsSocket, log.with({ workload: this.name }));
    this.#secrets.offerTrust(trust.joined.bundle);
    if (this.#identity) this.#secrets.offerIdentity(this.#identity);
    identities.add(this.name);
  }

  #startEnvoy(): void {
    if (this.ending) return;
    const { clock, random, log, envoy, records } = this.#parts;
    this.#keeper = new EnvoyKeeper({
      ...{ clock, random, log: log.with({ workload: this.name }) },
      command: { envoy, ...records.paths(this.#record) },
      admin: this.admin,
      expected: () => expectedListeners(this.workload),
      events: this.#keeperEvents(),
    });
    this.#keeper.begin(this.#record.envoy);
  }

  #keeperEvents(): KeeperEvents {
    return {
      started: (id) => {
        const again = id.pid === this.#record.envoy?.pid;
        this.#change({ envoy: id, starts: this.#record.starts + (again ? 0 : 1) });
      },
      ready: () => void this.#failing(() => this.#serve()),
      down: () => {
        this.#state = "restarting";
        this.#died = this.#readyOnce;
        if (!this.#readyOnce) this.#warn("Envoy ended before it was configured and is started again");
        this.#change({ serving: false });
        this.#parts.registration.tellSoon();
      },
      missing: (listeners, forMs) => void this.#failing(() => this.#missing(listeners, forMs)),
      failed: (error) => this.#fail(error),
    };
  }

  async #serve(): Promise<void> {
    if (!this.#record.serving) {
      this.#change({ serving: true });
      await this.#parts.registration.tell();
    }
    if (this.ending || !this.#record.serving) return;
    this.#state = "serving";
    this.#readyOnce = true;
    const { envoy } = this.#record;
    if (this.#died && envoy) this.session.tell({ event: "restarted", name: this.name, pid: envoy.pid });
    else this.#tellReady();
    this.#died = false;
  }

  /** Somebody took a port between its choice and the Envoy's bind: the agent's own choices move, a user's cannot. */
  async #missing(listeners: readonly LocalAddress[], forMs: number): Promise<void> {
    const fixed = new Set(fixedAddresses(this.request).map(printAddress));
    const movable = this.#readyOnce ? [] : listeners.filter((at) => !fixed.has(printAddress(at)));
    const moved = new Map<string, LocalAddress>();
    for (const at of movable) if (!(await canBind(at))) moved.set(printAddress(at), await this.#parts.ports.take());
    if (moved.size > 0 && !this.ending) {
      this.#parts.log.warn("ports-taken", { workload: this.name, ports: [...moved.keys()] });
      this.#change({ workload: withMoved(this.workload, moved) });
      await this.#parts.registration.tell();
    } else if (forMs >= limits.proxyReadyWarnMs) {
      const what = listeners.length === 0 ? "its first configuration" : listeners.map(printAddress).join(", ");
      this.#warn(`the sidecar still waits for ${what}`);
    }
  }

  #warn(what: string): void {
    const { logPath } = this.#parts.records.paths(this.#record);
    this.session.tell({ event: "warning", message: `${what}; its log: ${logPath}` });
  }

  #tellReady(): void {
    const { trustDomain } = this.#parts.trust.joined;
    this.session.tell(readyEvent(this.#record, serviceAccountId(trustDomain, this.workload)));
  }

  #change(change: Partial<RunRecord>): void {
    this.#record = { ...this.#record, ...change };
    try {
      this.#parts.records.save(this.#record);
    } catch (cause) {
      // The disk may be full. The run goes on; only an agent after this one would not know of the change.
      this.#parts.log.error("record-not-saved", { workload: this.name, because: String(cause) });
    }
  }
}
