/**
 * One workload on this host, from its request to its end:
 *
 *   starting ──registered, SVID there, Envoy configured──▶ serving ◀──▶ restarting   (its Envoy died)
 *       └───────────────────────┴──────────end────────────────┴─────▶ ending ──▶ gone
 *
 * Only while serving is there an endpoint. An end withdraws it first and serves on for limits.withdrawMs, so that no
 * caller's proxy still sends requests when the Envoy stops; nothing that happens to the Envoy meanwhile announces it
 * again. A run that is adopted begins as `restarting`, or as `serving` if its Envoy runs and its endpoint was announced.
 * An agent that stops and leaves its Envoys ends no run. Made, found and ended by Host.
 */
import type { WorkloadSet } from "../certificates/attestation/protocol.ts";
import { serviceAccountId } from "../model/identity.ts";
import type { WorkloadName } from "../model/names.ts";
import type { HostedWorkload, RunRequest } from "../model/run.ts";
import { nameOfWorkload, type Workload } from "../model/workload.ts";
import { sleep } from "../platform/clock.ts";
import { limits } from "../platform/limits.ts";
import type { EnvoyAdmin } from "./envoy/admin.ts";
import { GatewayPorts } from "./gateway_ports.ts";
import type { HeldPorts } from "./held_ports.ts";
import type { Identities, Identity } from "./identities.ts";
import { KeptRecord } from "./kept_record.ts";
import type { Registration } from "./registration.ts";
import { type RetryPorts, within } from "./retry.ts";
import { RunEnvoy, type RunEnvoyParts } from "./run_envoy.ts";
import { RunFailure, readyEvent } from "./run_events.ts";
import type { RunRecord, RunRecords } from "./run_record.ts";
import type { SecretVersions } from "./sds/stored_secrets.ts";
import { type Client, Session } from "./session.ts";
import type { Trust } from "./trust.ts";
import { fixedAddresses, printAddress } from "./workloads.ts";

export interface RunParts
  extends RetryPorts,
    Pick<RunEnvoyParts, "envoy" | "xdsAddresses" | "storedSecret" | "secretsSettled"> {
  readonly records: RunRecords;
  readonly trust: Trust;
  readonly registration: Registration;
  readonly identities: Identities;
  /** Aborted when the agent stops: what fails from then on fails because of that. */
  readonly stopping: AbortSignal;
  /** The name was taken on another host: the next one to try, or undefined when the user chose it. */
  nextName(run: Run): string | undefined;
  sdsSocket(workload: WorkloadName): string;
  gone(run: Run): void;
}

export class Run {
  readonly session: Session;
  readonly #parts: RunParts;
  readonly #ports: HeldPorts;
  readonly #kept: KeptRecord;
  readonly #envoy: RunEnvoy;
  readonly #gateway: GatewayPorts;
  readonly #over = new AbortController();
  readonly #haveIdentity = Promise.withResolvers<void>();
  #state: HostedWorkload["state"] = "starting";
  /** Whether a node was told of it, and so must be told of its end. */
  #registered = false;
  #readyOnce = false;
  /** Its Envoy died, and the client knows of the one before. */
  #died = false;
  #toldAdmin = "";
  #end: Promise<void> | undefined;

  /** @param ports those that the record names are held in it already */
  constructor(runParts: RunParts, record: RunRecord, ports: HeldPorts) {
    const log = runParts.log.with({ workload: nameOfWorkload(record.workload) });
    const parts = { ...runParts, log };
    this.#parts = parts;
    this.#ports = ports;
    const kept = new KeptRecord(parts.records, record, log);
    this.#kept = kept;
    this.session = new Session(parts.clock, () => void this.end("its client is gone"));
    this.#envoy = new RunEnvoy(
      { ...parts, kept, ports },
      {
        ready: () => void this.#steps(() => this.#serve()),
        down: () => this.#envoyDied(),
        moved: () => void this.#steps(() => parts.registration.tell()),
        warn: (message) => this.warn(message),
        failed: (error) => this.#fail(error),
      },
    );
    this.#gateway = new GatewayPorts({
      ...parts,
      ...{ kept, ports, over: this.#over.signal },
      tell: () => parts.registration.tell(),
      listens: (port, at) => this.session.tell({ event: "listener", port, address: printAddress(at) }),
    });
  }

  get request(): RunRequest {
    return this.#kept.now.request;
  }

  get workload(): Workload {
    return this.#kept.now.workload;
  }

  get name(): WorkloadName {
    return nameOfWorkload(this.workload);
  }

  get record(): RunRecord {
    return this.#kept.now;
  }

  get ending(): boolean {
    return this.#end !== undefined;
  }

  get svidSerial(): string | undefined {
    return this.#envoy.svidSerial;
  }

  get settledSecrets(): SecretVersions {
    return this.#envoy.settledSecrets;
  }

  get admin(): EnvoyAdmin {
    return this.#envoy.admin;
  }

  /** undefined: nothing of it is to be registered. */
  get item(): WorkloadSet["workloads"][number] | undefined {
    if (!this.#registered) return undefined;
    return { workload: this.workload, serving: this.record.serving, health: "healthy" };
  }

  get status(): HostedWorkload {
    const { admin, envoy, starts, workload } = this.record;
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
    void this.#steps(async () => {
      await this.#claimFixedAddresses();
      await this.#register();
      await this.#openSecrets();
      await this.#haveIdentity.promise;
      this.#over.signal.throwIfAborted();
      this.#envoy.start();
    });
  }

  /** One that an agent before this one left behind. */
  adopt(): void {
    this.session.wait(limits.adoptedSessionGraceMs);
    const runs = this.#envoy.running;
    this.#registered = true;
    this.#readyOnce = this.record.serving;
    this.#state = "restarting";
    this.#kept.change({ serving: this.record.serving && runs });
    this.#parts.registration.tellSoon();
    void this.#steps(async () => {
      await this.#openSecrets();
      if (!runs) await this.#haveIdentity.promise;
      this.#over.signal.throwIfAborted();
      this.#envoy.adopt();
    });
  }

  take(identity: Identity): void {
    this.#envoy.offer(identity);
    this.#haveIdentity.resolve();
  }

  trustChanged(): void {
    this.#envoy.trustChanged();
  }

  /** Gateway objects ask for these ports of it, and for no other. */
  wantPorts(ports: readonly number[]): Promise<void> {
    return this.#gateway.ask(ports);
  }

  /** Of stored secrets that it may have. */
  secretVersions(versions: SecretVersions): void {
    this.#envoy.secretVersions(versions);
  }

  refused(message: string): void {
    if (this.#readyOnce) this.warn(message);
  }

  warn(message: string): void {
    this.session.tell({ event: "warning", message });
  }

  /** Withdraws it, then stops its Envoy. Resolves when nothing of it is left; may be called again. */
  end(because: string): Promise<void> {
    this.#end ??= this.#finish(because);
    return this.#end;
  }

  async #finish(because: string): Promise<void> {
    const { clock, registration, identities, log } = this.#parts;
    log.info("workload-ends", { because });
    const announced = this.record.serving;
    this.#state = "ending";
    this.#over.abort();
    if (announced) {
      this.#kept.change({ serving: false });
      await within(clock, limits.agentRequestMs, registration.tell());
      await sleep(clock, limits.withdrawMs);
    }
    await this.#envoy.stop();
    identities.remove(this.name);
    this.#ports.releaseAll();
    this.#kept.remove();
    this.#parts.gone(this);
    if (this.#registered) await within(clock, limits.agentRequestMs, registration.tell());
    this.session.close();
  }

  /** What it does by itself: a failure ends the run, unless it ends anyway, or the agent stops and leaves its Envoy. */
  async #steps(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      if (!this.#parts.stopping.aborted) this.#fail(cause);
    }
  }

  #fail(cause: unknown): void {
    if (this.ending) return;
    const failure = RunFailure.from(cause, `run ${this.name}`);
    this.#parts.log.error("workload-failed", { because: failure.message });
    this.session.tell({ event: "failed", message: failure.message, exit: failure.exit });
    void this.end("it failed");
  }

  async #claimFixedAddresses(): Promise<void> {
    for (const at of fixedAddresses(this.request)) {
      if (await this.#ports.claim(at)) continue;
      throw new RunFailure(1, `${printAddress(at)} is taken already; choose another port, or 0 for any`);
    }
  }

  async #register(): Promise<void> {
    this.#registered = true;
    for (;;) {
      const reply = await this.#parts.registration.tell();
      this.#over.signal.throwIfAborted();
      const refusal = reply.refused.find(({ workload }) => workload === this.name);
      if (!refusal) return;
      const next = refusal.code === "name-taken" ? this.#parts.nextName(this) : undefined;
      // Whatever else a node refuses is wrong in what was asked.
      if (next === undefined) throw new RunFailure(refusal.code === "name-taken" ? 1 : 65, refusal.message);
      const workload = { ...this.workload, name: next };
      this.#parts.log.info("name-taken", { next });
      this.#kept.amend({ workload, sdsSocket: this.#parts.sdsSocket(nameOfWorkload(workload)) });
    }
  }

  async #openSecrets(): Promise<void> {
    await this.#envoy.openSecrets();
    this.#over.signal.throwIfAborted();
    this.#parts.identities.add(this.name);
  }

  async #serve(): Promise<void> {
    if (this.ending) return;
    if (!this.record.serving) {
      this.#kept.change({ serving: true });
      await this.#parts.registration.tell();
    }
    if (this.ending || !this.record.serving) return;
    this.#state = "serving";
    this.#readyOnce = true;
    const { envoy, admin } = this.record;
    const again = this.#died && envoy !== undefined;
    this.#died = false;
    if (again) this.session.tell({ event: "restarted", name: this.name, pid: envoy.pid });
    if (!again || this.#toldAdmin !== printAddress(admin)) this.#tellReady();
  }

  #envoyDied(): void {
    if (this.ending) return;
    this.#state = "restarting";
    this.#died = this.#readyOnce;
    this.#kept.change({ serving: false });
    this.#parts.registration.tellSoon();
  }

  #tellReady(): void {
    const { trustDomain } = this.#parts.trust.joined;
    this.#toldAdmin = printAddress(this.record.admin);
    this.session.tell(readyEvent(this.record, serviceAccountId(trustDomain, this.workload)));
  }
}
