/**
 * The demo on a running control plane: its configuration where it is missing, the workloads, the load generator. All
 * workloads start at once; the page through the ingress is the proof that everything fits together.
 */
import { get } from "node:http";
import { join } from "node:path";
import { sleep } from "../../platform/clock.ts";
import { integer, object, parseJson, text } from "../../platform/decode.ts";
import { WeftError } from "../../platform/error.ts";
import { packageRoot } from "../../platform/installation.ts";
import { limits } from "../../platform/limits.ts";
import { ApiClient } from "../api_client.ts";
import type { CliContext } from "../command.ts";
import { applyFiles } from "./apply_files.ts";
import type { DevConsole } from "./console.ts";
import type { ControlPlane } from "./control_plane.ts";
import { appPlans, ingressName, ingressPort, ingressRequest, sidecarRequest } from "./demo_plan.ts";
import type { Ledger } from "./ledger.ts";
import type { Parts } from "./parts.ts";
import type { Ports } from "./plan.ts";
import { loadGenerator, type Tools } from "./programs.ts";
import type { Supervisor } from "./supervisor.ts";
import { DemoWorkload, type WorkloadReport } from "./workload.ts";

export interface DemoOptions {
  readonly context: CliContext;
  readonly plane: ControlPlane;
  readonly ports: Ports;
  readonly tools: Tools;
  readonly parts: Parts;
  readonly ledger: Ledger;
  readonly console: DevConsole;
}

/** The bookshop's Gateway, VirtualService and DestinationRules, as a user writes them. */
const configuration = join(packageRoot, "examples", "bookinfo.yaml");
/** Of that file: with both there, the shop is configured, and what a user has changed stays. */
const shop = ["Gateway/default/bookinfo-gateway", "VirtualService/default/bookinfo"];
const requestsPerSecond = 5;
const page = "/productpage";

const totals = object({ sent: integer(0), ok: integer(0), failed: integer(0) }, { lastError: text() });
type LoadTotals = ReturnType<typeof totals>;

export class Demo {
  readonly #options: DemoOptions;
  readonly #workloads: DemoWorkload[] = [];
  #load: Supervisor | undefined;
  #totals: LoadTotals = { sent: 0, ok: 0, failed: 0 };

  constructor(options: DemoOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { console } = this.#options;
    await Promise.all([this.#startWorkloads(signal), this.#configure()]);
    await console.step(`${this.ingress}${page} answers`, () => this.#untilPageAnswers(signal));
    await this.#startLoad(signal);
  }

  async stop(hurry: AbortSignal): Promise<void> {
    await this.#load?.stop(hurry);
    await Promise.all(this.#workloads.map((workload) => workload.stop(hurry)));
    const { sent, ok, failed } = this.#totals;
    if (sent > 0) this.#options.console.note(`load generator: ${sent} requests, ${ok} answered 200, ${failed} failed`);
  }

  get ingress(): string {
    const gateway = this.#workloads.find(({ name }) => name === ingressName);
    return `http://${gateway?.listener(ingressPort) ?? `127.0.0.1:${this.#options.ports.ingress}`}`;
  }

  reports(): readonly WorkloadReport[] {
    return this.#workloads.map((workload) => workload.report()).filter((report) => report !== undefined);
  }

  async #startWorkloads(signal: AbortSignal): Promise<void> {
    const { ports, plane, tools, parts, ledger, console, context } = this.#options;
    const { clock, random } = context;
    const shared = { agentSocket: plane.agentSocket, tools, parts, ledger, console, clock, random };
    for (const app of appPlans(ports)) {
      this.#workloads.push(new DemoWorkload({ ...shared, app, request: sidecarRequest(app) }));
    }
    this.#workloads.push(new DemoWorkload({ ...shared, app: undefined, request: ingressRequest(ports) }));
    await Promise.all(
      this.#workloads.map((workload) =>
        console.step(`${workload.name}: its Envoy is configured`, () => workload.start(signal)),
      ),
    );
  }

  async #configure(): Promise<void> {
    const { context, plane, console } = this.#options;
    const client = new ApiClient(context, plane.mesh);
    const found = shop.map((path) => client.raw(plane.mesh.nodes[0], { method: "GET", path: `/v1/resources/${path}` }));
    const missing = (await Promise.all(found)).some((answer) => answer.kind !== "response" || answer.status === 404);
    if (!missing) return;
    await console.step("the bookshop's configuration is applied", () =>
      applyFiles({ context, plane, path: configuration, say: () => {} }),
    );
  }

  /** A page that a user's own policy refuses is no reason not to run; it is said. */
  async #untilPageAnswers(signal: AbortSignal): Promise<void> {
    const { context, console } = this.#options;
    const untilMs = context.clock.monotonicMs() + limits.devIngressMs;
    for (;;) {
      const answer = await pageStatus(`${this.ingress}${page}`);
      if (answer === "200") return;
      if (context.clock.monotonicMs() > untilMs) {
        if (/^\d+$/.test(answer)) return console.warn(`${this.ingress}${page} answers ${answer}, not 200`);
        throw noPage(this.ingress, answer);
      }
      await sleep(context.clock, limits.devPollMs, signal);
    }
  }

  async #startLoad(signal: AbortSignal): Promise<void> {
    const { parts, tools } = this.#options;
    this.#load = parts.make({
      name: "load-generator",
      ready: { kind: "started" },
      command: () => loadGenerator(tools, `${this.ingress}${page}`, requestsPerSecond),
      onLine: (line) => this.#takeTotals(line),
    });
    await this.#load.start(signal);
  }

  #takeTotals(line: string): void {
    const now = parseJson(line, totals, "the load generator's line");
    const more = now.failed - this.#totals.failed;
    this.#totals = now;
    if (more > 0) this.#options.console.warn(`${more} of the load's requests failed (${now.lastError ?? "?"})`);
  }
}

function pageStatus(url: string): Promise<string> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: limits.cliRequestMs }, (response) => {
      response.resume();
      resolve(String(response.statusCode));
    });
    request.on("timeout", () => request.destroy(new Error("no answer")));
    request.on("error", (cause) => resolve(cause.message));
  });
}

function noPage(ingress: string, answer: string): WeftError {
  return new WeftError({
    code: "unavailable",
    retry: "later",
    attempted: `get ${ingress}${page}`,
    because: answer,
    next: "see what the gateway was told: meshctl proxy-config all ingress",
  });
}
