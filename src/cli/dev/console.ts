/**
 * What `dev` says. For a person: the steps as they happen on stderr, then where things are and what to try. With
 * `-o json`: one object a line on stdout, those of the contract; warnings go to stderr in either form.
 */

import { limits } from "../../platform/limits.ts";
import type { CliContext } from "../command.ts";

type Colour = "green" | "yellow" | "red" | "dim" | "bold";
const codes: Readonly<Record<Colour, number>> = { green: 32, yellow: 33, red: 31, dim: 2, bold: 1 };

export class DevConsole {
  readonly #context: CliContext;
  readonly #startedMs: number;
  readonly #json: boolean;
  readonly #took: { readonly what: string; readonly ms: number }[] = [];
  /** Warning → when it was told last, so that seven sessions that lose one agent say it once. */
  readonly #warned = new Map<string, number>();

  constructor(context: CliContext) {
    this.#context = context;
    this.#startedMs = context.clock.monotonicMs();
    this.#json = context.globals.output === "json";
  }

  get json(): boolean {
    return this.#json;
  }

  /** Runs one step of the start and says so when it is done. */
  async step<T>(what: string, work: () => Promise<T>): Promise<T> {
    const { clock } = this.#context;
    const fromMs = clock.monotonicMs();
    const result = await work();
    this.#took.push({ what, ms: clock.monotonicMs() - fromMs });
    this.#progress("green", "✓", what);
    return result;
  }

  /** Something that happens while it runs. */
  note(what: string): void {
    this.#progress("dim", "·", what);
  }

  warn(message: string): void {
    const nowMs = this.#context.clock.monotonicMs();
    const lastMs = this.#warned.get(message);
    if (lastMs !== undefined && nowMs - lastMs < limits.devSteadyMs) return;
    if (this.#warned.size > 100) this.#warned.clear();
    this.#warned.set(message, nowMs);
    this.#context.say(`  ${this.colour("yellow", "!")} ${message}`);
  }

  restarted(name: string, pid: number): void {
    if (this.#json) this.event({ event: "restarted", name, pid });
    else this.#progress("yellow", "↻", `${name} was started again, pid ${pid}`);
  }

  /** One line on stdout, with -o json only. */
  event(event: object): void {
    if (this.#json) this.#context.out(`${JSON.stringify(event)}\n`);
  }

  /** Text for a person, on stdout. */
  text(lines: readonly string[]): void {
    if (!this.#json) this.#context.out(`${lines.join("\n")}\n`);
  }

  /** How long each step took; steps overlap. */
  timings(): void {
    for (const { what, ms } of this.#took) this.#context.say(`    ${`${Math.round(ms)} ms`.padStart(8)}  ${what}`);
    this.#context.say(`    ${this.#elapsed().padStart(8)}  in all`);
  }

  colour(colour: Colour, text: string): string {
    return this.#context.color ? `\x1b[${codes[colour]}m${text}\x1b[0m` : text;
  }

  #progress(colour: Colour, mark: string, what: string): void {
    if (this.#json) return;
    this.#context.say(`  ${this.colour(colour, mark)} ${what} ${this.colour("dim", this.#elapsed())}`);
  }

  #elapsed(): string {
    return `${((this.#context.clock.monotonicMs() - this.#startedMs) / 1_000).toFixed(1)} s`;
  }
}
