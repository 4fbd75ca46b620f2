/**
 * A real Envoy for one test, with everything that a proxy would be sent in a static bootstrap. Listeners take the ports
 * that the system gives them. Secrets that the agent would serve may be given instead. Stopped by its pid.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Item } from "../../src/compile/ir.ts";
import { type Json, staticBootstrap, swapped } from "../golden/static_bootstrap.ts";

export const envoyPath: string = JSON.parse(
  readFileSync(new URL("../../node_modules/.weft/tools.json", import.meta.url), "utf8"),
).envoy.path;

/** PEM texts. */
export interface Identity {
  readonly chain: string;
  readonly key: string;
  readonly roots: string;
  readonly trustDomain: string;
}

export interface Answer {
  /** 0: the connection ended without one. */
  readonly status: number;
  readonly body: string;
}

interface ListenersPage {
  readonly listener_statuses?: readonly {
    readonly name: string;
    readonly local_address: { readonly socket_address: { readonly port_value: number } };
  }[];
}

export class RunningEnvoy {
  readonly #directory = mkdtempSync(join(tmpdir(), "weft-envoy-"));
  readonly #process: ChildProcess;
  readonly #adminFile: string;
  #ports: ReadonlyMap<string, number> = new Map();

  private constructor(bootstrap: Json) {
    const config = join(this.#directory, "bootstrap.json");
    this.#adminFile = join(this.#directory, "admin");
    writeFileSync(config, JSON.stringify(bootstrap));
    const args = ["-c", config, "--admin-address-path", this.#adminFile, "--use-dynamic-base-id", "--concurrency", "1"];
    this.#process = spawn(envoyPath, [...args, "--log-level", "error"], { stdio: "inherit" });
  }

  static async start(items: readonly Item[], identity?: Identity): Promise<RunningEnvoy> {
    const base = staticBootstrap(items);
    const admin = { address: { socket_address: { address: "127.0.0.1", port_value: 0 } } };
    const envoy = new RunningEnvoy({ ...(identity ? withSecrets(base, identity) : base), admin });
    try {
      await envoy.#listening(items.filter(({ type }) => type === "listener").length);
      return envoy;
    } catch (cause) {
      await envoy.stop();
      throw cause;
    }
  }

  port(listener: string): number {
    return this.#ports.get(listener) ?? assert.fail(`there is a listener ${listener}`);
  }

  /** 0 also for one that was never counted. */
  async counter(name: string): Promise<number> {
    const page = await fetch(`http://${readFileSync(this.#adminFile, "utf8")}/stats?filter=^${name}$`);
    return Number(/: (\d+)/.exec(await page.text())?.[1] ?? 0);
  }

  async stop(): Promise<void> {
    this.#process.kill("SIGKILL");
    if (this.#process.exitCode === null && this.#process.signalCode === null) await once(this.#process, "exit");
    rmSync(this.#directory, { recursive: true });
  }

  /** The request line and the Host as they are written here. */
  ask(listener: string, path: string, host: string, method = "GET", address = "127.0.0.1"): Promise<Answer> {
    const at = { port: this.port(listener), host: address };
    return request(at, `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  }

  async #listening(count: number): Promise<void> {
    while (this.#ports.size < count) {
      assert.equal(this.#process.exitCode, null, "Envoy runs");
      const page = existsSync(this.#adminFile) ? await this.#page() : undefined;
      const statuses = page?.listener_statuses ?? [];
      this.#ports = new Map(statuses.map(({ name, local_address }) => [name, local_address.socket_address.port_value]));
      if (this.#ports.size < count) await wait(20);
    }
  }

  #page(): Promise<ListenersPage | undefined> {
    return fetch(`http://${readFileSync(this.#adminFile, "utf8")}/listeners?format=json`).then(
      async (answer) => (await answer.json()) as ListenersPage,
      () => undefined,
    );
  }
}

async function request(at: { readonly port: number; readonly host: string }, text: string): Promise<Answer> {
  const socket = connect(at);
  socket.setEncoding("utf8");
  socket.write(text);
  let answer = "";
  socket.on("data", (part: string) => {
    answer += part;
    if (isWhole(answer)) socket.destroy();
  });
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("close", resolve));
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0);
  return { status, body: answer.split("\r\n\r\n")[1] ?? "" };
}

/** Whether the body is as long as it says; a body of unknown length ends with its connection. */
function isWhole(text: string): boolean {
  const [head = "", body] = text.split("\r\n\r\n");
  const length = /^content-length: (\d+)/im.exec(head)?.[1];
  return body !== undefined && length !== undefined && body.length >= Number(length);
}

/** Secrets that stand in the bootstrap under the names by which the agent would serve them. */
function withSecrets(bootstrap: { [key: string]: Json }, identity: Identity): { [key: string]: Json } {
  const local = swapped(bootstrap, ({ sdsConfig, ...rest }) => (sdsConfig === undefined ? undefined : rest));
  const custom_validator_config = {
    name: "envoy.tls.cert_validator.spiffe",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig",
      trust_domains: [{ name: identity.trustDomain, trust_bundle: { inline_string: identity.roots } }],
    },
  };
  const tls_certificate = {
    certificate_chain: { inline_string: identity.chain },
    private_key: { inline_string: identity.key },
  };
  const secrets = [
    { name: "default", tls_certificate },
    { name: "ROOTCA", validation_context: { custom_validator_config } },
  ];
  const { static_resources, ...rest } = local as { static_resources: { [key: string]: Json } };
  return { ...rest, static_resources: { ...static_resources, secrets } };
}
