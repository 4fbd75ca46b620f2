/**
 * All the runs of this host, and the rules between them: one run per session, one live workload per name, and what is
 * told to all of them at once. Called by the local API, the heartbeat and main.
 */
import type { HeartbeatReply, WorkloadSet } from "../certificates/attestation/protocol.ts";
import type { Namespace, WorkloadName } from "../model/names.ts";
import { workloadName } from "../model/names.ts";
import type { HostedWorkload, RunRequest } from "../model/run.ts";
import type { FreePorts } from "../platform/free_ports.ts";
import { limits } from "../platform/limits.ts";
import { HeldPorts } from "./held_ports.ts";
import type { Identity } from "./identities.ts";
import { firstFree } from "./naming.ts";
import { Run, type RunParts } from "./run.ts";
import type { RunRecord } from "./run_record.ts";
import type { Client } from "./session.ts";
import { addressesOf, mistakeIn, wantedName, workloadFrom } from "./workloads.ts";

export interface HostParts extends Omit<RunParts, "nextName" | "gone"> {
  readonly hostName: string;
  readonly free: FreePorts;
}

export class Host {
  readonly #parts: RunParts & HostParts;
  readonly #runs = new Map<string, Run>();
  /** Sessions that are being opened now: a client that comes twice waits for its first request. */
  readonly #opening = new Map<string, Promise<void>>();
  /** Names promised to runs whose ports are still being chosen, and names that other hosts turned out to have. */
  readonly #reserved = new Set<WorkloadName>();
  readonly #elsewhere = new Set<WorkloadName>();
  #closed = false;

  constructor(parts: HostParts) {
    this.#parts = {
      ...parts,
      nextName: (run) => this.#nextName(run),
      gone: (run) => {
        if (this.#runs.get(run.request.session) === run) this.#runs.delete(run.request.session);
      },
    };
  }

  get runs(): readonly Run[] {
    return [...this.#runs.values()];
  }

  get set(): WorkloadSet {
    return { workloads: this.runs.flatMap((run) => run.item ?? []) };
  }

  get status(): readonly HostedWorkload[] {
    return this.runs.map((run) => run.status);
  }

  /** Whether the agent stops: a client should come again, to the next one. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Opens a session, or takes up one that lives. What is wrong is told to the client as `failed`. */
  async open(request: RunRequest, client: Client): Promise<void> {
    const { session } = request;
    for (let other = this.#opening.get(session); other; other = this.#opening.get(session)) await other.catch(() => {});
    const opening = this.#open(request, client);
    this.#opening.set(session, opening);
    await opening.finally(() => this.#opening.delete(session));
  }

  async #open(request: RunRequest, client: Client): Promise<void> {
    if (this.#closed) return client.end();
    const known = this.#runs.get(request.session);
    if (known && !known.ending) return known.attach(client);
    await known?.end("its session is opened anew");
    await this.#endOrphan(request);
    const name = this.#claim(request);
    if (typeof name !== "string") {
      client.tell({ event: "failed", ...name });
      client.end();
      return;
    }
    const run = await this.#make(request, name);
    run.attach(client);
    run.start();
  }

  /** The client's stream broke. */
  detach(session: string, client: Client): void {
    this.#runs.get(session)?.session.detach(client);
  }

  /** @returns false: no such session. */
  async close(session: string): Promise<boolean> {
    const run = this.#runs.get(session);
    await run?.end("its client ended it");
    return run !== undefined;
  }

  adopt(records: readonly RunRecord[]): void {
    for (const record of records) {
      const ports = new HeldPorts(this.#parts.free);
      for (const at of [record.admin, ...addressesOf(record.workload)]) ports.keep(at);
      const run = new Run(this.#parts, record, ports);
      this.#runs.set(record.request.session, run);
      run.adopt();
    }
  }

  refuseNew(): void {
    this.#closed = true;
  }

  /** After `refuseNew`. Those that are being opened are waited for: nobody else would end them. */
  async endAll(because: string): Promise<void> {
    await Promise.allSettled(this.#opening.values());
    await Promise.all(this.runs.map((run) => run.end(because)));
  }

  take(workload: WorkloadName, identity: Identity): void {
    this.#named(workload)?.take(identity);
  }

  /** A node did not take this workload into its set. */
  refused(workload: string, message: string): void {
    this.runs.find(({ name }) => name === workload)?.refused(message);
  }

  /** To every client. */
  tellAll(message: string): void {
    for (const run of this.runs) run.warn(message);
  }

  trustChanged(): void {
    for (const run of this.runs) run.trustChanged();
  }

  gatewayPorts(wanted: Readonly<Record<string, readonly number[]>>): void {
    for (const run of this.runs) {
      run.wantPorts(wanted[run.name] ?? []).catch((cause) => {
        if (!run.ending) this.#parts.log.warn("gateway-ports", { workload: run.name, because: String(cause) });
      });
    }
  }

  secretVersions(versions: NonNullable<HeartbeatReply["secrets"]>): void {
    for (const run of this.runs) run.secretVersions(versions[run.name] ?? {});
  }

  /** A workload of the name that the user asks for gives way at once if nobody attends to it any more. */
  async #endOrphan(request: RunRequest): Promise<void> {
    if (request.name === undefined) return;
    const holder = this.#named(workloadName(request.name, request.namespace as Namespace));
    if (holder && (holder.ending || !holder.session.attended)) await holder.end("another of its name takes its place");
  }

  /** The name that the run will have, reserved from now on; or why there will be no run. */
  #claim(request: RunRequest): string | { readonly message: string; readonly exit: number } {
    const message = mistakeIn(request);
    if (message !== undefined) return { message, exit: 65 };
    if (this.#runs.size >= limits.workloadsPerAgent) {
      return { message: `this host runs ${limits.workloadsPerAgent} workloads, its limit`, exit: 1 };
    }
    const full = (name: string): WorkloadName => workloadName(name, request.namespace as Namespace);
    const name = request.name ?? firstFree(wantedName(request), (taken) => this.#isLive(full(taken)));
    if (this.#isLive(full(name))) {
      return { message: `workload ${full(name)} lives already; end it, or choose another --name`, exit: 1 };
    }
    this.#reserved.add(full(name));
    return name;
  }

  async #make(request: RunRequest, name: string): Promise<Run> {
    const full = workloadName(name, request.namespace as Namespace);
    const { hostName: host, free, sdsSocket } = this.#parts;
    const ports = new HeldPorts(free);
    const take = (address?: string) => ports.take(address);
    try {
      const workload = await workloadFrom({ request, name, host, take });
      const record = { request, workload, admin: await take(), sdsSocket: sdsSocket(full), serving: false, starts: 0 };
      const run = new Run(this.#parts, record, ports);
      this.#runs.set(request.session, run);
      return run;
    } catch (cause) {
      ports.releaseAll();
      throw cause;
    } finally {
      this.#reserved.delete(full);
    }
  }

  #nextName(run: Run): string | undefined {
    if (run.request.name !== undefined) return undefined;
    const { namespace } = run.workload;
    this.#elsewhere.add(run.name);
    const taken = (name: string): boolean => {
      const full = workloadName(name, namespace);
      return this.#elsewhere.has(full) || this.#isLive(full);
    };
    return firstFree(wantedName(run.request), taken);
  }

  #named(name: WorkloadName): Run | undefined {
    return this.runs.find((run) => run.name === name);
  }

  #isLive(name: WorkloadName): boolean {
    return this.#reserved.has(name) || this.#named(name) !== undefined;
  }
}
