/** mesh-agent as a process of its own, for tests, and a `meshctl run`'s end of its local API. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync, rmSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { type ClientRequest, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { HostStatus, RunEvent, RunRequest, RunSidecar } from "../../src/model/run.ts";
import type { FakeMeshd } from "./fake_meshd.ts";

const root = join(import.meta.dirname, "../..");

export function envoyPath(): string {
  return JSON.parse(readFileSync(join(root, "node_modules/.weft/tools.json"), "utf8")).envoy.path;
}

export class AgentProcess {
  readonly directory: string;
  child: ChildProcess;

  readonly #hostName: string;

  private constructor(directory: string, hostName: string) {
    this.directory = directory;
    this.#hostName = hostName;
    this.child = launch(directory, hostName, ["--join-token-file", join(directory, "token")]);
  }

  /** Joins `meshd`, in a new state directory. */
  static async start(meshd: Pick<FakeMeshd, "token">, hostName = "host-a"): Promise<AgentProcess> {
    const directory = await mkdtemp(join(tmpdir(), "weft-agent-"));
    await writeFile(join(directory, "token"), meshd.token);
    const agent = new AgentProcess(directory, hostName);
    await agent.#ready();
    return agent;
  }

  get socket(): string {
    return join(this.directory, "state/agent.sock");
  }

  async kill9(): Promise<void> {
    const gone = once(this.child, "exit");
    this.child.kill("SIGKILL");
    await gone;
  }

  /** The same host again, without a token. Rejects with its log when it ends instead. */
  async startAgain(flags: readonly string[] = []): Promise<void> {
    this.child = launch(this.directory, this.#hostName, flags);
    await this.#ready();
  }

  /** @returns the exit status and the last line of standard error of another agent on the same directory. */
  async another(flags: readonly string[]): Promise<readonly [number | null, string]> {
    const [status] = await once(launch(this.directory, this.#hostName, flags), "exit");
    const log = readFileSync(join(this.directory, "agent.log"), "utf8");
    return [status, log.trimEnd().split("\n").at(-1) ?? ""];
  }

  /** As when whoever started it has gone. @returns the exit status. */
  async endInput(): Promise<number | null> {
    const gone = once(this.child, "exit");
    this.child.stdin?.end();
    const [status] = await gone;
    return status;
  }

  /** @returns the exit status. */
  async stop(): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    const gone = once(this.child, "exit");
    this.child.kill("SIGTERM");
    const [status] = await gone;
    return status;
  }

  /** Ends what is left, whatever the test has come to. */
  async clean(): Promise<void> {
    const status = await this.status().catch(() => undefined);
    await this.stop();
    for (const { envoyPid } of status?.workloads ?? []) if (envoyPid !== null) end(envoyPid);
    rmSync(this.directory, { recursive: true, force: true });
  }

  run(wanted: Partial<RunSidecar> & { readonly session: string }): RunClient {
    return new RunClient(this.socket, { ...sidecar, ...wanted });
  }

  request(wanted: RunRequest): RunClient {
    return new RunClient(this.socket, wanted);
  }

  async status(): Promise<HostStatus> {
    const asked = request({ socketPath: this.socket, path: "/v1/workloads", agent: false }).end();
    const [response] = await once(asked, "response");
    let text = "";
    for await (const part of response) text += String(part);
    return JSON.parse(text);
  }

  async #ready(): Promise<void> {
    if (!this.child.stdout) throw new Error("no stdout");
    const [line] = await Promise.race([
      once(createInterface({ input: this.child.stdout }), "line"),
      once(this.child, "exit").then(() => [`exit: ${readFileSync(join(this.directory, "agent.log"), "utf8")}`]),
    ]);
    if (!String(line).startsWith('{"event":"ready"')) throw new Error(String(line));
  }
}

const sidecar: Omit<RunSidecar, "session"> = {
  role: "sidecar",
  namespace: "default",
  serviceAccount: "default",
  labels: { version: "v1" },
  locality: "",
  service: "reviews",
  ports: [{ name: "http", port: 9080, appPort: 9080 }],
  upstreams: [],
};

function launch(directory: string, hostName: string, args: readonly string[]): ChildProcess {
  const log = openSync(join(directory, "agent.log"), "a");
  const main = join(root, "src/agent/main.ts");
  const flags = ["--state-dir", join(directory, "state"), "--host-name", hostName, "--envoy", envoyPath(), ...args];
  return spawn(process.execPath, [main, ...flags], { stdio: ["pipe", "pipe", log] });
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself, as it should.
  }
}

type Ready = Extract<RunEvent, { readonly event: "ready" }>;

export class RunClient {
  readonly events: RunEvent[] = [];
  readonly #socket: string;
  readonly #session: string;
  readonly #request: ClientRequest;
  readonly #changed = new EventTarget();
  closed = false;

  constructor(socket: string, wanted: RunRequest) {
    this.#socket = socket;
    this.#session = wanted.session;
    this.#request = request({ socketPath: socket, method: "POST", path: "/v1/run", agent: false }, (response) => {
      const lines = createInterface({ input: response });
      lines.on("line", (line) => this.#take(() => this.events.push(JSON.parse(line))));
      lines.on("close", () => this.#take(() => this.close()));
      response.on("error", () => this.#take(() => this.close()));
      // readline passes its input's errors on.
      lines.on("error", () => this.#take(() => this.close()));
    });
    this.#request.on("error", () => this.#take(() => this.close()));
    this.#request.end(JSON.stringify(wanted));
  }

  async until<E extends RunEvent["event"]>(event: E): Promise<Extract<RunEvent, { readonly event: E }>> {
    for (;;) {
      const at = this.events.findIndex((each) => each.event === event);
      const [found] = at < 0 ? [] : this.events.splice(at, 1);
      if (found?.event === event) return found as Extract<RunEvent, { readonly event: E }>;
      if (this.closed) throw new Error(`the stream ended without ${event}: ${JSON.stringify(this.events)}`);
      await once(this.#changed, "change");
    }
  }

  ready(): Promise<Ready> {
    return this.until("ready");
  }

  async ended(): Promise<void> {
    while (!this.closed) await once(this.#changed, "change");
  }

  /** As a client that was killed. */
  vanish(): void {
    this.#request.destroy();
  }

  /** @returns the HTTP status. */
  async end(): Promise<number> {
    const path = `/v1/run/${this.#session}`;
    const asked = request({ socketPath: this.#socket, method: "DELETE", path, agent: false }).end();
    const [response] = await once(asked, "response");
    response.resume();
    return response.statusCode;
  }

  close(): void {
    this.closed = true;
  }

  #take(change: () => void): void {
    change();
    this.#changed.dispatchEvent(new Event("change"));
  }
}
