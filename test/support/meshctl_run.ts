/** `meshctl run` and `meshctl gateway run` as their users start them: a process, its events, its end. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Mesh } from "./mesh.ts";

const root = new URL("../../", import.meta.url).pathname;

export interface RunReadyLine {
  readonly workload: string;
  readonly spiffeId: string;
  readonly outbound: string | null;
  readonly inbound: string | null;
  readonly inbounds: Readonly<Record<string, string>>;
  readonly upstreams: Readonly<Record<string, string>>;
  readonly listeners?: Readonly<Record<string, string>>;
  readonly admin: string;
  readonly pids: { readonly meshctl: number; readonly envoy: number; readonly command?: number };
}

type Event = { readonly event: string } & Readonly<Record<string, unknown>>;

export class MeshctlRun {
  readonly process: ChildProcess;
  readonly #events: Event[] = [];
  readonly #watchers = new Set<() => void>();
  readonly #over: Promise<{ readonly code: number | null; readonly stderr: string }>;
  #stderr = "";

  /** @param args from the command's name on; `-o json` is added before `--`. */
  constructor(mesh: Mesh, args: readonly string[]) {
    const end = args.includes("--") ? args.indexOf("--") : args.length;
    const whole = [...args.slice(0, end), "-o", "json", "--state-dir", mesh.stateDir, ...args.slice(end)];
    // A group of its own, so that a test can signal all of it, as a terminal does.
    this.process = spawn(process.execPath, [join(root, "src/cli/main.ts"), ...whole], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const { stdout, stderr } = this.process;
    stderr?.on("data", (part: Buffer) => {
      this.#stderr += part.toString();
      this.#look();
    });
    if (stdout) {
      createInterface({ input: stdout }).on("line", (line) => {
        this.#events.push(JSON.parse(line));
        this.#look();
      });
    }
    this.#over = once(this.process, "close").then(([code]) => {
      this.#look();
      return { code, stderr: this.#stderr };
    });
  }

  async ready(): Promise<RunReadyLine> {
    // What the line holds is what the test looks at.
    return (await this.event("ready")) as unknown as RunReadyLine;
  }

  event(name: string): Promise<Event> {
    return this.#until(`the event ${name}`, () => this.#events.find(({ event }) => event === name));
  }

  said(words: string): Promise<string> {
    return this.#until(`the words ${words}`, () => (this.#stderr.includes(words) ? this.#stderr : undefined));
  }

  ended(): Promise<{ readonly code: number | null; readonly stderr: string }> {
    return this.#over;
  }

  async stop(signal: NodeJS.Signals = "SIGINT"): Promise<number | null> {
    if (this.process.exitCode === null) this.process.kill(signal);
    return (await this.#over).code;
  }

  #look(): void {
    for (const watcher of this.#watchers) watcher();
  }

  #until<Found>(what: string, find: () => Found | undefined): Promise<Found> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = find();
        if (found !== undefined) resolve(found);
        else if (this.process.exitCode !== null) reject(new Error(`it ended before ${what}: ${this.#stderr}`));
        else return;
        this.#watchers.delete(look);
      };
      this.#watchers.add(look);
      look();
    });
  }
}
