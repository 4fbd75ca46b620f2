/**
 * A real nats-server for one test: JetStream on a directory of its own, synced before it acknowledges, on a port that the
 * system chooses and a restart keeps. Found where set-up put it; stopped by its pid.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Credentials } from "../../src/store/jetstream/connection.ts";

const toolsFile = new URL("../../node_modules/.weft/tools.json", import.meta.url);

/** The account that Weft uses, and the system account. */
export const weftAccount: Credentials = { user: "weft", pass: "weft-test" };
export const systemAccount: Credentials = { user: "system", pass: "system-test" };

/** Nobody may publish to it. */
export const forbiddenSubject = "forbidden";

export interface NatsOptions {
  /** false: JetStream's default, which acknowledges before it syncs. */
  readonly syncAlways?: boolean;
  /** Where JetStream keeps its files; else in the server's own directory. */
  readonly storeDirectory?: string;
}

export class Nats {
  readonly directory = mkdtempSync(join(tmpdir(), "weft-nats-"));
  readonly #options: NatsOptions;
  #child: ChildProcess | undefined;
  #port = -1;

  private constructor(options: NatsOptions) {
    this.#options = options;
  }

  static async start(options: NatsOptions = {}): Promise<Nats> {
    const nats = new Nats(options);
    try {
      await nats.start();
    } catch (error) {
      await nats.stop();
      throw error;
    }
    return nats;
  }

  get servers(): string[] {
    return [`nats://127.0.0.1:${this.#port}`];
  }

  get port(): number {
    return this.#port;
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error("nats-server does not run");
    return this.#child.pid;
  }

  /** Starts it, or starts it again: same directory, same port. Resolves when it listens. */
  async start(): Promise<void> {
    const file = join(this.directory, "nats.conf");
    writeFileSync(file, this.#configuration());
    const child = spawn(binary(), ["-c", file], { stdio: ["ignore", "ignore", "pipe"] });
    let log = "";
    child.stderr.on("data", (data: Buffer) => {
      log += data;
    });
    this.#child = child;
    for (let port = this.#told(); ; port = this.#told()) {
      if (port !== undefined && log.includes("Server is ready")) {
        this.#port = port;
        return;
      }
      if (child.exitCode !== null) throw new Error(`nats-server ended: ${log}`);
      await wait(5);
    }
  }

  /** kill -9. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
    const left = this.#portFile();
    if (left) rmSync(left, { force: true });
  }

  /** SIGSTOP: sockets stay open, nothing is answered once this has resolved; until then a thread may still be at work. */
  async freeze(): Promise<void> {
    process.kill(this.pid, "SIGSTOP");
    while (!this.#isStopped()) await wait(1);
  }

  thaw(): void {
    process.kill(this.pid, "SIGCONT");
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #isStopped(): boolean {
    const threads = `/proc/${this.pid}/task`;
    const states = existsSync(threads)
      ? readdirSync(threads).map((id) => /\) (\S)/.exec(readFileSync(join(threads, id, "stat"), "utf8"))?.[1])
      : [execFileSync("ps", ["-o", "stat=", "-p", String(this.pid)], { encoding: "utf8" }).trim()[0]];
    return states.every((state) => state === "T");
  }

  /** The port that it listens on; undefined until its file is there whole: nats-server writes it in place. */
  #told(): number | undefined {
    const file = this.#portFile();
    const text = file === undefined ? "" : readFileSync(file, "utf8");
    return text.endsWith("}") ? portFrom(text) : undefined;
  }

  #portFile(): string | undefined {
    const name = readdirSync(this.directory).find((each) => each.endsWith(`_${this.#child?.pid}.ports`));
    return name && join(this.directory, name);
  }

  #configuration(): string {
    const sync = this.#options.syncAlways === false ? "" : ", sync_interval: always";
    const storeDirectory = this.#options.storeDirectory ?? join(this.directory, "jetstream");
    return [
      `listen: "127.0.0.1:${this.#port}"`,
      `ports_file_dir: "${this.directory}"`,
      `jetstream { store_dir: "${storeDirectory}"${sync} }`,
      "accounts {",
      `  SYSTEM { users: [{ user: ${systemAccount.user}, password: "${systemAccount.pass}" }] }`,
      `  WEFT { jetstream: enabled, users: [{ user: ${weftAccount.user}, password: "${weftAccount.pass}",`,
      `    permissions: { publish: { deny: ["${forbiddenSubject}"] } } }] }`,
      "}",
      "system_account: SYSTEM",
      "",
    ].join("\n");
  }
}

function binary(): string {
  const tools: { readonly natsServer?: { readonly path?: string } } = JSON.parse(readFileSync(toolsFile, "utf8"));
  if (!tools.natsServer?.path) throw new Error("no nats-server: run set-up (npm run setup)");
  return tools.natsServer.path;
}

function portFrom(text: string): number {
  const ports: { readonly nats?: readonly string[] } = JSON.parse(text);
  return Number(/:(\d+)$/.exec(ports.nats?.[0] ?? "")?.[1]);
}
