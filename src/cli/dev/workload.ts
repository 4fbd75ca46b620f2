/**
 * One workload of the demo: its session with the agent (which runs the Envoy) and, but for the gateway, its app. Told of
 * a new Envoy or a moved outbound port, it notes the pid and starts the app with the new address.
 */
import type { RunEvent, RunRequest } from "../../model/run.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Random } from "../../platform/random.ts";
import type { RunReady } from "../run_event.ts";
import { openRunSession, type RunSession } from "../run_session.ts";
import type { DevConsole } from "./console.ts";
import type { AppPlan } from "./demo_plan.ts";
import type { Ledger } from "./ledger.ts";
import { untilAborted } from "./part.ts";
import type { Parts } from "./parts.ts";
import { demoApp, type Tools } from "./programs.ts";
import type { Supervisor } from "./supervisor.ts";

export interface WorkloadOptions {
  readonly request: RunRequest;
  /** undefined: the gateway. */
  readonly app: AppPlan | undefined;
  readonly agentSocket: string;
  readonly tools: Tools;
  readonly parts: Parts;
  readonly ledger: Ledger;
  readonly console: DevConsole;
  readonly clock: Clock;
  readonly random: Random;
}

/** As the ready line tells it. */
export interface WorkloadReport {
  readonly name: string;
  readonly namespace: string;
  /** host:port, or null for a gateway. */
  readonly outbound: string | null;
  readonly inbound: string | null;
  readonly admin: string;
  readonly pids: { readonly envoy: number; readonly command?: number };
}

export class DemoWorkload {
  readonly #options: WorkloadOptions;
  readonly #session: RunSession;
  readonly #app: Supervisor | undefined;
  #ready: RunReady | undefined;

  constructor(options: WorkloadOptions) {
    this.#options = options;
    const { request, agentSocket: socket, clock, random, app, console } = options;
    if (app) {
      this.#app = options.parts.make({
        name: app.name,
        ready: { kind: "line" },
        command: () => demoApp(options.tools, { ...app, outbound: `http://${this.#ready?.outbound}` }),
      });
    }
    this.#session = openRunSession({ socket, request, clock, random, onEvent: (event) => this.#take(event) });
    void this.#session.ended.then((failure) => {
      if (failure) console.warn(`${this.name}: ${failure.message}`);
    });
  }

  get name(): string {
    const { request, app } = this.#options;
    return app?.name ?? request.name ?? "";
  }

  async start(signal: AbortSignal): Promise<void> {
    await untilAborted(this.#session.ready, signal);
    await this.#app?.start(signal);
  }

  /** The endpoint is withdrawn and the Envoy drained before the app ends. */
  async stop(hurry: AbortSignal): Promise<void> {
    await untilAborted(this.#session.stop(), hurry).catch(() => {});
    await this.#app?.stop(hurry);
  }

  /** host:port of a gateway's listener. */
  listener(port: number): string | undefined {
    return this.#ready?.listeners?.[port];
  }

  report(): WorkloadReport | undefined {
    const ready = this.#ready;
    if (!ready) return undefined;
    return {
      name: this.name,
      namespace: this.#options.request.namespace,
      outbound: ready.outbound,
      inbound: ready.inbound,
      admin: ready.admin,
      pids: { envoy: ready.envoyPid, ...(this.#app ? { command: this.#app.pid } : {}) },
    };
  }

  #take(event: RunEvent): void {
    // A failure is told by the session's end; a gateway's listener is in its ready event.
    if (event.event === "ready") this.#takeReady(event);
    else if (event.event === "restarted") this.#newEnvoy(event.pid);
    else if (event.event === "warning") this.#options.console.warn(event.message);
  }

  #takeReady(ready: RunReady): void {
    const before = this.#ready;
    if (before) this.#newEnvoy(ready.envoyPid);
    else this.#options.ledger.add(this.#envoyName, ready.envoyPid);
    this.#ready = ready;
    if (before && before.outbound !== ready.outbound) this.#app?.replace();
  }

  #newEnvoy(pid: number): void {
    const { ledger, console } = this.#options;
    if (!this.#ready || this.#ready.envoyPid === pid) return;
    ledger.remove(this.#ready.envoyPid);
    ledger.add(this.#envoyName, pid);
    this.#ready = { ...this.#ready, envoyPid: pid };
    console.restarted(this.#envoyName, pid);
  }

  get #envoyName(): string {
    return `${this.name}/envoy`;
  }
}
