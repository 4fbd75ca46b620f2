/** What tests of deploy/ share: a port, nats-server's path, and how a deployed file is read. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");
export const deployDirectory = join(root, "deploy");

export function natsServerPath(): string {
  return JSON.parse(readFileSync(join(root, "node_modules/.weft/tools.json"), "utf8")).natsServer.path;
}

/** Free a moment ago; for programs that cannot be told to choose one and say it. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

export interface Unit {
  /** Section → key → values in their order. */
  readonly sections: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

/** A systemd unit's assignments; a line that ends in \ goes on. */
export function parseUnit(text: string): Unit {
  const sections: Record<string, Record<string, string[]>> = {};
  let section: Record<string, string[]> = {};
  for (const line of text.replace(/\\\n\s*/g, " ").split("\n")) {
    const heading = /^\[(\w+)\]$/.exec(line)?.[1];
    if (heading) {
      section = {};
      sections[heading] = section;
    }
    const [, key, value = ""] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
    if (key) section[key] = [...(section[key] ?? []), value];
  }
  return { sections };
}

export function one(unit: Unit, section: string, key: string): string {
  const [value, ...more] = unit.sections[section]?.[key] ?? [];
  if (value === undefined || more.length > 0) throw new Error(`${section}.${key} must be there once`);
  return value;
}

/** NAME=VALUE lines. */
export function parseEnvironment(text: string): Readonly<Record<string, string>> {
  const lines = text.split("\n").filter((line) => /^[A-Z_]+=/.test(line));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

export function unitNames(): readonly string[] {
  return ["nats-server.service", "meshd.service", "mesh-agent.service"];
}

/** undefined: there is no such program here. */
export function tryRun(
  program: string,
  args: readonly string[],
): { readonly code: number; readonly output: string } | undefined {
  try {
    return { code: 0, output: execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }) };
  } catch (cause) {
    const failed = cause as NodeJS.ErrnoException & { status?: number; stdout?: string; stderr?: string };
    if (failed.code === "ENOENT") return undefined;
    return { code: failed.status ?? 1, output: `${failed.stdout}${failed.stderr}` };
  }
}
