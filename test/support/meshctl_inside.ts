/** meshctl inside of the test's process: to start one takes longer than most of what it does. */
import assert from "node:assert/strict";
import { invoke } from "../../src/cli/invoke.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { systemRandom } from "../../src/platform/random.ts";
import type { Mesh } from "./mesh.ts";

/** Fails the test when meshctl fails. @param input its stdin. @returns what it wrote to stdout. */
export async function meshctlInside(mesh: Mesh, args: readonly string[], input = ""): Promise<string> {
  const written: string[] = [];
  const said: string[] = [];
  const status = await invoke(["--state-dir", mesh.stateDir, ...args], {
    environment: {},
    clock: systemClock,
    random: systemRandom,
    color: false,
    interactive: false,
    out: (text) => written.push(text),
    say: (line) => said.push(line),
    stdin: () => Promise.resolve(input),
  });
  assert.equal(status, 0, `${args.join(" ")}\n${input}\n${said.join("\n")}`);
  return written.join("");
}
