/** The log of a workload's Envoy, where its agent keeps it: a Telemetry's lines come to stand there, within a second. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Mesh } from "./mesh.ts";
import { until } from "./until.ts";
import type { RunningWorkload } from "./workload.ts";

export class ProxyLog {
  readonly #path: string;

  constructor({ stateDir }: Mesh, { workload }: RunningWorkload) {
    this.#path = join(stateDir, "agent-0", "workloads", workload, "envoy.log");
  }

  /** Those of the access log that match. */
  async lines(wanted: RegExp): Promise<readonly string[]> {
    const text = await readFile(this.#path, "utf8");
    return text.split("\n").filter((line) => /^\[\d{4}-\d\d-\d\dT[^ ]+Z\] "/.test(line) && wanted.test(line));
  }

  /** Resolves with at least so many lines. */
  async awaited(wanted: RegExp, count = 1): Promise<readonly string[]> {
    let found: readonly string[] = [];
    await until(async () => {
      found = await this.lines(wanted);
      return found.length >= count;
    }, `${count} lines ${wanted} in ${this.#path}`);
    return found;
  }
}
