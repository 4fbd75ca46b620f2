/** Three real nats-servers that form one JetStream, each on ports of its own; any may be frozen and thawed. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { connect } from "@nats-io/transport-node";
import { freePort, natsServerPath } from "./deployment.ts";
import { weftAccount } from "./nats.ts";

export class NatsTrio {
  readonly #directory = mkdtempSync(join(tmpdir(), "weft-trio-"));
  readonly #ports: readonly number[];
  readonly #children: ChildProcess[] = [];

  private constructor(ports: readonly number[]) {
    this.#ports = ports;
  }

  /** Resolves when JetStream has a leader. */
  static async start(): Promise<NatsTrio> {
    const trio = new NatsTrio(await Promise.all(Array.from({ length: 6 }, freePort)));
    for (const n of [0, 1, 2]) trio.#start(n);
    await trio.#formed();
    return trio;
  }

  url(n: number): string {
    return `nats://127.0.0.1:${this.#ports[n]}`;
  }

  freeze(n: number): void {
    this.#children[n]?.kill("SIGSTOP");
  }

  thaw(n: number): void {
    this.#children[n]?.kill("SIGCONT");
  }

  /** Which server leads the stream. */
  async leaderOf(stream: string): Promise<number> {
    const { cluster } = await this.#ask<{ readonly cluster: { readonly leader: string } }>(`STREAM.INFO.${stream}`);
    return Number(cluster.leader.slice(1));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #start(n: number): void {
    const file = join(this.#directory, `n${n}.conf`);
    const routes = [3, 4, 5].filter((at) => at !== 3 + n).map((at) => `"nats://127.0.0.1:${this.#ports[at]}"`);
    const lines = [
      `server_name: n${n}`,
      `listen: "127.0.0.1:${this.#ports[n]}"`,
      `jetstream { store_dir: "${join(this.#directory, `n${n}`)}", sync_interval: always }`,
      `cluster { name: trio, listen: "127.0.0.1:${this.#ports[3 + n]}", routes: [${routes.join(", ")}] }`,
      `accounts { WEFT { jetstream: enabled, users: [{ user: ${weftAccount.user}, password: "${weftAccount.pass}" }] } }`,
    ];
    writeFileSync(file, lines.join("\n"));
    this.#children.push(spawn(natsServerPath(), ["-c", file], { stdio: "ignore" }));
  }

  async #formed(): Promise<void> {
    for (let attempt = 0; attempt < 200; attempt++) {
      const info = await this.#ask<{ readonly error?: unknown }>("INFO").catch(() => undefined);
      if (info && !info.error) return;
      await wait(100);
    }
    throw new Error("no JetStream within 20 s");
  }

  async #ask<Reply>(question: string): Promise<Reply> {
    const { user = "", pass = "" } = weftAccount;
    const nats = await connect({ servers: this.url(0), user, pass, reconnect: false, timeout: 1_000 });
    try {
      return (await nats.request(`$JS.API.${question}`, "", { timeout: 1_000 })).json<Reply>();
    } finally {
      await nats.close();
    }
  }
}
