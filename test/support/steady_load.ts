/**
 * A constant load: so many requests a second whether or not the ones before were answered, as users come. Over kept
 * connections. What is not the whole, right answer has failed, also when its status is 200.
 */
import { Agent } from "node:http";
import { type Answer, type RequestOptions, send } from "./requests.ts";

export interface LoadOptions extends RequestOptions {
  readonly perSecond: number;
  /** Why an answer is not good; undefined: it is. Without it, status 200 is. */
  readonly fault?: (answer: Answer) => string | undefined;
}

export interface LoadReport {
  readonly sent: number;
  readonly failed: number;
  /** Reason → how often. */
  readonly reasons: Readonly<Record<string, number>>;
  readonly slowestMs: number;
}

export class SteadyLoad {
  readonly #options: LoadOptions;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #timer: NodeJS.Timeout;
  readonly #underWay = new Set<Promise<void>>();
  readonly #reasons: Record<string, number> = {};
  #sent = 0;
  #failed = 0;
  #slowestMs = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#sendOne(), 1_000 / options.perSecond);
  }

  get sent(): number {
    return this.#sent;
  }

  /** Resolves when everything that was sent is answered. */
  async stop(): Promise<LoadReport> {
    clearInterval(this.#timer);
    await Promise.all(this.#underWay);
    this.#agent.destroy();
    return { sent: this.#sent, failed: this.#failed, reasons: this.#reasons, slowestMs: this.#slowestMs };
  }

  #sendOne(): void {
    this.#sent++;
    const one = this.#judge().finally(() => this.#underWay.delete(one));
    this.#underWay.add(one);
  }

  async #judge(): Promise<void> {
    const startedMs = performance.now();
    const reason = await send({ ...this.#options, agent: this.#agent }).then(
      (answer) =>
        answer.status === 200 ? this.#options.fault?.(answer) : `status ${answer.status}: ${answer.body.slice(0, 200)}`,
      (cause) => (cause instanceof Error ? cause.message : String(cause)),
    );
    this.#slowestMs = Math.max(this.#slowestMs, performance.now() - startedMs);
    if (reason === undefined) return;
    this.#failed++;
    this.#reasons[reason] = (this.#reasons[reason] ?? 0) + 1;
  }
}

/** The demo's two ways in: the page through the ingress, and reviews from productpage's sidecar. */
export function demoLoad(ingress: string, productpageOutbound: string, perSecond: number): readonly SteadyLoad[] {
  // Both apps answer 200 when ratings fail, and say so in the body.
  const fault = ({ body }: Answer) => (/class="error"|"error":/.test(body) ? "a part of the page failed" : undefined);
  return [
    new SteadyLoad({ via: new URL(ingress).host, path: "/productpage", perSecond: perSecond / 2, fault }),
    new SteadyLoad({ via: productpageOutbound, host: "reviews:9080", path: "/reviews/0", perSecond, fault }),
  ];
}

export async function stopLoads(loads: readonly SteadyLoad[]): Promise<LoadReport> {
  const reports = await Promise.all(loads.map((load) => load.stop()));
  const reasons: Record<string, number> = {};
  for (const report of reports) {
    for (const [reason, count] of Object.entries(report.reasons)) reasons[reason] = (reasons[reason] ?? 0) + count;
  }
  return {
    sent: reports.reduce((sum, { sent }) => sum + sent, 0),
    failed: reports.reduce((sum, { failed }) => sum + failed, 0),
    reasons,
    slowestMs: Math.max(...reports.map(({ slowestMs }) => slowestMs)),
  };
}
