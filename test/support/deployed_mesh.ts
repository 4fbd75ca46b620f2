/**
 * The production set-up on one machine: three nats-servers by deploy/nats/, nodes and an agent by the command lines of
 * their units, secrets and certificates by the scripts. Only what one machine forbids is another: paths, ports, and the
 * nats-servers' hosts, which are all `localhost`.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { moduleFile, nodeFlags } from "../../src/platform/installation.ts";
import { envoyPath } from "./agent_process.ts";
import { deployDirectory, freePort, natsServerPath, one, parseEnvironment, parseUnit, tryRun } from "./deployment.ts";
import { meshctlEntry, type Ran } from "./mesh.ts";

const deployed = (path: string): string => readFileSync(join(deployDirectory, path), "utf8");

/** TimeoutStopSec of the units. */
const stopMs = 30_000;

export interface DeployedNode {
  readonly name: string;
  readonly process: ChildProcess;
  /** URL. */
  readonly api: string;
  /** host:port */
  readonly agents: string;
}

/** Variables of one node or agent, and what stands for a path or an address of its unit. */
interface Filling {
  readonly environment: Readonly<Record<string, string>>;
  readonly paths: Readonly<Record<string, string>>;
}

export class DeployedMesh {
  readonly directory = mkdtempSync(join(tmpdir(), "weft-deploy-"));
  readonly #children: ChildProcess[] = [];
  readonly #nats: ChildProcess[] = [];
  readonly #logs = new Map<string, string>();
  readonly #ports: readonly number[];

  private constructor(ports: readonly number[]) {
    this.#ports = ports;
  }

  /** Secrets, certificates, and three nats-servers that have been started. */
  static async start(): Promise<DeployedMesh> {
    const mesh = new DeployedMesh(await Promise.all(Array.from({ length: 9 }, freePort)));
    mesh.script("secrets.sh", mesh.at("secrets"));
    mesh.script("certificates.sh", mesh.at("tls"), "localhost", "meshd-0", "meshd-1", "meshd-2");
    for (const n of [0, 1, 2]) mesh.#startNats(n);
    return mesh;
  }

  at(...names: string[]): string {
    return join(this.directory, ...names);
  }

  script(name: string, ...args: string[]): void {
    const made = tryRun("sh", [join(deployDirectory, name), ...args]);
    assert.equal(made?.code, 0, made?.output);
  }

  natsUrl(n: number, scheme = "tls"): string {
    return `${scheme}://localhost:${this.#ports[n]}`;
  }

  /** Where the other servers find this one. */
  routePort(n: number): number {
    return this.#ports[3 + n] ?? 0;
  }

  logOf(name: string): string {
    return this.#logs.get(name) ?? "";
  }

  /** @param credentials which of secrets.sh's files is the node's nats.json. */
  async startNode(n: number, credentials: "nats.json" | "restore.json" = "nats.json"): Promise<DeployedNode> {
    const name = `meshd-${n}`;
    const own = this.at(name);
    mkdirSync(join(own, "credentials"), { recursive: true });
    cpSync(this.at("secrets", credentials), join(own, "credentials/nats.json"));
    for (const file of ["authority.key", "api.token"]) cpSync(this.at("secrets", file), join(own, "credentials", file));
    cpSync(this.at("tls", `${name}-key.pem`), join(own, "credentials/nats-key.pem"));
    const [api, xds, agents] = await Promise.all([freePort(), freePort(), freePort()]);
    const { process, said } = await this.#startUnit(name, "meshd.service", "meshd/main", {
      environment: {
        ...parseEnvironment(deployed("systemd/meshd.env")),
        WEFT_NODE: name,
        WEFT_ADDRESS: "127.0.0.1",
        WEFT_NATS: [0, 1, 2].map((each) => this.natsUrl(each)).join(","),
        STATE_DIRECTORY: join(own, "state"),
        CREDENTIALS_DIRECTORY: join(own, "credentials"),
      },
      paths: {
        "/etc/weft/tls/ca.pem": this.at("tls/ca.pem"),
        "/etc/weft/tls/meshd.pem": this.at("tls", `${name}.pem`),
        "127.0.0.1:15480": `127.0.0.1:${api}`,
        "127.0.0.1:15481": `127.0.0.1:${xds}`,
        "127.0.0.1:15482": `127.0.0.1:${agents}`,
      },
    });
    return { name: String(said.name), process, api: `http://${said.api}`, agents: String(said.agents) };
  }

  async startAgent(nodes: readonly DeployedNode[], joinToken: string): Promise<Record<string, unknown>> {
    writeFileSync(this.at("join-token"), joinToken, { mode: 0o600 });
    mkdirSync(this.at("run"));
    chmodSync(this.at("run"), 0o700);
    const { said } = await this.#startUnit("mesh-agent", "mesh-agent.service", "agent/main", {
      environment: {
        ...parseEnvironment(deployed("systemd/mesh-agent.env")),
        WEFT_AGENT_NODES: nodes.map(({ agents }) => agents).join(","),
        STATE_DIRECTORY: this.at("agent"),
        RUNTIME_DIRECTORY: this.at("run"),
      },
      paths: { "/etc/weft/join-token": this.at("join-token"), "/usr/local/bin/envoy": envoyPath() },
    });
    return said;
  }

  /** As an operator on that node; `token` false: as somebody who has none. */
  async meshctl(
    node: DeployedNode,
    args: readonly string[],
    options: { input?: string; token?: boolean } = {},
  ): Promise<Ran> {
    const { MESHCTL_TOKEN_FILE: _, ...environment } = process.env;
    const token = options.token === false ? {} : { MESHCTL_TOKEN_FILE: this.at("secrets/api.token") };
    const child = spawn(process.execPath, [meshctlEntry, "--server", node.api, ...args], {
      env: { ...environment, ...token, MESHCTL_AGENT_SOCKET: this.at("run/agent.sock") },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk));
    child.stdin.end(options.input ?? "");
    const [code] = await once(child, "close");
    return { code: code ?? -1, stdout, stderr };
  }

  async good(node: DeployedNode, args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.meshctl(node, args, input === undefined ? {} : { input });
    assert.equal(code, 0, stderr + stdout);
    return stdout;
  }

  /** SIGTERM, as systemd stops a unit. @returns exit status and how long it took, ms. */
  async stop(child: ChildProcess): Promise<{ readonly code: number | null; readonly tookMs: number }> {
    const startedMs = performance.now();
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      const patience = setTimeout(() => child.kill("SIGKILL"), stopMs);
      await gone;
      clearTimeout(patience);
    }
    return { code: child.exitCode, tookMs: performance.now() - startedMs };
  }

  async remove(): Promise<void> {
    for (const child of this.#children.reverse()) await this.stop(child);
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** The configuration as delivered, in a directory of this server's own. */
  natsConfiguration(n: number, certificate = "localhost"): string {
    return deployed(`nats/nats-${n}.conf`)
      .replaceAll("/etc/weft/tls/nats.pem", this.at("tls", `${certificate}.pem`))
      .replaceAll("/etc/weft/tls/nats-key.pem", this.at("tls", `${certificate}-key.pem`))
      .replaceAll("/etc/weft/tls/ca.pem", this.at("tls/ca.pem"))
      .replaceAll("/var/lib/weft-nats", this.at(`nats-${n}`, `data-${certificate}`))
      .replaceAll("0.0.0.0:4222", `127.0.0.1:${this.#ports[n]}`)
      .replaceAll("0.0.0.0:6222", `127.0.0.1:${this.routePort(n)}`)
      .replaceAll("127.0.0.1:8222", `127.0.0.1:${this.#ports[6 + n]}`)
      .replace(/nats-(\d)\.weft\.internal:6222/g, (_, other: string) => `localhost:${this.routePort(Number(other))}`);
  }

  /** As `systemctl reload nats-server`. */
  reloadNats(n: number): void {
    this.#nats[n]?.kill("SIGHUP");
  }

  /** @param file an nats-server's configuration. */
  startNatsServer(name: string, file: string): ChildProcess {
    return this.#start(name, natsServerPath(), ["-c", file]);
  }

  #startNats(n: number): void {
    const own = this.at(`nats-${n}`);
    mkdirSync(own);
    cpSync(this.at("secrets/passwords.conf"), join(own, "passwords.conf"));
    writeFileSync(join(own, "nats-server.conf"), this.natsConfiguration(n));
    this.#nats[n] = this.startNatsServer(`nats-${n}`, join(own, "nats-server.conf"));
  }

  async #startUnit(name: string, unit: string, module: string, { environment, paths }: Filling) {
    const [, ...words] = one(parseUnit(deployed(`systemd/${unit}`)), "Service", "ExecStart").split(/\s+/);
    const args = words.map((word) => {
      const filled = word.replace(
        /\$\{(\w+)\}/g,
        (_, variable: string) => environment[variable] ?? assert.fail(variable),
      );
      return paths[filled] ?? filled;
    });
    const child = this.#start(name, process.execPath, [...nodeFlags(module), moduleFile(module), ...args]);
    if (!child.stdout) throw new Error("no stdout");
    const [line] = await Promise.race([
      once(createInterface({ input: child.stdout }), "line"),
      once(child, "exit").then(() => assert.fail(`${name} ended: ${this.logOf(name)}`)),
    ]);
    const said: Record<string, unknown> = JSON.parse(line);
    return { process: child, said };
  }

  #start(name: string, program: string, args: readonly string[]): ChildProcess {
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, XDG_CACHE_HOME: this.at("cache") },
    });
    this.#children.push(child);
    child.stderr?.on("data", (chunk: Buffer) => this.#logs.set(name, this.logOf(name) + chunk));
    return child;
  }
}
