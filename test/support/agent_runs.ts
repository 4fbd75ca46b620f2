/**
 * An agent's runs without the agent: real records, sockets, keys and processes (fake_envoy.mjs), with the test in the
 * place of the node. Gateways only, because an Envoy that gets no configuration cannot listen for a sidecar.
 */
import { chmodSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Host } from "../../src/agent/host.ts";
import { Identities } from "../../src/agent/identities.ts";
import { Registration } from "../../src/agent/registration.ts";
import { RunRecords } from "../../src/agent/run_record.ts";
import { secretsDirectory, socketPath } from "../../src/agent/sds/socket_path.ts";
import type { Client } from "../../src/agent/session.ts";
import { Trust } from "../../src/agent/trust.ts";
import type { SvidReply, SvidRequest, WorkloadSet } from "../../src/certificates/attestation/protocol.ts";
import { readSigningRequest } from "../../src/certificates/signing_request.ts";
import { issuedForm, issueSvid } from "../../src/certificates/svid.ts";
import type { RunEvent, RunGateway } from "../../src/model/run.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { canBind, FreePorts, portRanges } from "../../src/platform/free_ports.ts";
import type { Logger } from "../../src/platform/log.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { makePrivateDirectory } from "../../src/platform/socket_directory.ts";
import { StateDirectory } from "../../src/platform/state_directory.ts";
import { spiffeId, type TrustChain, trustChain, trustDomain } from "../certificates/fixtures.ts";

export class AgentRuns {
  readonly directory = mkdtempSync(join(tmpdir(), "weft-runs-"));
  readonly host: Host;
  readonly records: RunRecords;
  /** What the node was told, in order. */
  readonly sets: WorkloadSet[] = [];
  readonly svidsAsked: SvidRequest[] = [];
  /** Events of the log. */
  readonly logged: string[] = [];
  readonly stopping = new AbortController();
  /** Ports that were given and not given back. */
  readonly given = new Set<number>();
  /** What a set's answer waits for. */
  node: () => Promise<void> = async () => {};
  readonly #changed = new EventTarget();
  readonly #chain: TrustChain;

  private constructor(chain: TrustChain) {
    this.#chain = chain;
    const state = new StateDirectory(join(this.directory, "state"));
    const log = this.#log();
    const trust = new Trust(state, { clock: systemClock, log: log });
    trust.join({ trustDomain, bundle: chain.bundle, nodes: { agents: [], xds: [] } });
    const sockets = secretsDirectory(this.directory, {});
    makePrivateDirectory(sockets);
    this.records = new RunRecords(state);
    const retry = { clock: systemClock, random: systemRandom, log };
    this.host = new Host({
      ...retry,
      ...{ trust, hostName: "host-a", envoy: this.#writeEnvoy(), stopping: this.stopping.signal },
      records: this.records,
      registration: new Registration({
        ...retry,
        signal: this.stopping.signal,
        current: () => this.host.set,
        put: (set) => this.#put(set),
      }),
      identities: new Identities({
        ...retry,
        request: (body) => this.#sign(body),
        issued: (workload, identity) => this.host.take(workload, identity),
      }),
      free: this.#freePorts(),
      xdsAddresses: { path: join(this.directory, "xds.json"), directory: this.directory },
      sdsSocket: (workload) => socketPath(sockets, workload),
      storedSecret: () => Promise.reject(new Error("there are none")),
      secretsSettled: () => {},
    });
  }

  static async start(): Promise<AgentRuns> {
    return new AgentRuns(await trustChain(systemClock.nowMs()));
  }

  get sockets(): readonly string[] {
    return readdirSync(join(this.directory, "sds"));
  }

  get folders(): readonly string[] {
    const workloads = join(this.directory, "state/workloads");
    return existsSync(workloads) ? readdirSync(workloads) : [];
  }

  /** Takes the program away, or puts it back. */
  moveEnvoy(there: boolean): void {
    const [at, aside] = [join(this.directory, "envoy"), join(this.directory, "envoy.aside")];
    renameSync(there ? aside : at, there ? at : aside);
  }

  gateway(wanted: Partial<RunGateway> & { readonly name: string }): RecordingClient {
    const request: RunGateway = {
      ...{ role: "gateway", session: `s-${wanted.name}`, namespace: "default", serviceAccount: "default" },
      ...{ labels: {}, locality: "", eastWest: false, ports: [] },
      ...wanted,
    };
    const client = new RecordingClient(this.#changed, request.session);
    void this.host.open(request, client);
    return client;
  }

  /** Resolves as soon as `look` answers something; looked at after everything that this stage sees. */
  async until<T>(look: () => T | undefined | false): Promise<T> {
    for (;;) {
      const found = look();
      if (found !== undefined && found !== false) return found;
      await new Promise((resolve) => this.#changed.addEventListener("change", resolve, { once: true }));
    }
  }

  async clean(): Promise<void> {
    this.node = async () => {};
    this.host.refuseNew();
    await this.host.endAll("the test is over");
    rmSync(this.directory, { recursive: true });
  }

  #tell(): void {
    this.#changed.dispatchEvent(new Event("change"));
  }

  #writeEnvoy(): string {
    const path = join(this.directory, "envoy");
    const program = join(import.meta.dirname, "fake_envoy.mjs");
    writeFileSync(path, `#!/bin/sh\nexec ${process.execPath} ${program} "$@"\n`);
    chmodSync(path, 0o755);
    return path;
  }

  #freePorts(): FreePorts {
    const ports = FreePorts.onThisMachine(portRanges.proxies, systemRandom, canBind);
    const claim = ports.claim.bind(ports);
    const release = ports.release.bind(ports);
    ports.claim = async (at) => {
      const ours = await claim(at);
      if (ours) this.given.add(at.port);
      return ours;
    };
    ports.release = (at) => {
      release(at);
      this.given.delete(at.port);
    };
    return ports;
  }

  async #put(set: WorkloadSet) {
    this.sets.push(set);
    this.#tell();
    await this.node();
    return { revision: `r-${this.sets.length}`, endpointsToken: "e-1", refused: [] };
  }

  async #sign(body: SvidRequest): Promise<SvidReply> {
    this.svidsAsked.push(body);
    this.#tell();
    const issued = body.requests.map(async ({ workload, csr }) => {
      const read = readSigningRequest(Buffer.from(csr, "base64"));
      if (read.kind === "refused") throw new Error(read.message);
      const order = { spiffeId: spiffeId("default"), publicKey: read.publicKey, lifetimeMs: 60 * 60 * 1000 };
      const svid = issuedForm(await issueSvid(order, this.#chain.issuer, systemClock.nowMs(), systemRandom));
      return { workload, svid };
    });
    return { issued: await Promise.all(issued), refused: [] };
  }

  #log(): Logger {
    const take = (event: string): void => {
      this.logged.push(event);
      this.#tell();
    };
    const log: Logger = { debug: take, info: take, warn: take, error: take, with: () => log };
    return log;
  }
}

export class RecordingClient implements Client {
  readonly session: string;
  readonly events: RunEvent[] = [];
  ended = false;
  readonly #changed: EventTarget;

  constructor(changed: EventTarget, session: string) {
    this.#changed = changed;
    this.session = session;
  }

  tell(event: RunEvent): void {
    this.events.push(event);
    this.#changed.dispatchEvent(new Event("change"));
  }

  end(): void {
    this.ended = true;
    this.#changed.dispatchEvent(new Event("change"));
  }

  /** The first event of that kind that was not asked for yet. */
  async next<E extends RunEvent["event"]>(event: E): Promise<Extract<RunEvent, { readonly event: E }>> {
    for (;;) {
      const at = this.events.findIndex((each) => each.event === event);
      const [found] = at < 0 ? [] : this.events.splice(at, 1);
      if (found?.event === event) return found as Extract<RunEvent, { readonly event: E }>;
      if (this.ended) throw new Error(`the stream ended without ${event}: ${JSON.stringify(this.events)}`);
      await new Promise((resolve) => this.#changed.addEventListener("change", resolve, { once: true }));
    }
  }
}
