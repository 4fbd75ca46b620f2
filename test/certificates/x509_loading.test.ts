/** @peculiar/x509 and what it stands on take 0.07 s to load; who needs none of it when it starts must not pay that. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const src = (path: string): string => fileURLToPath(new URL(`../../src/${path}`, import.meta.url));

/** Says at the end of a program which of the packages it has loaded; all of them are CommonJS. */
const reporter = `
import { createRequire } from "node:module";
const { cache } = createRequire("${import.meta.url}");
process.on("exit", () => {
  const found = ["@peculiar/x509", "tsyringe", "reflect-metadata"].filter((name) =>
    Object.keys(cache).some((file) => file.includes("/node_modules/" + name + "/")));
  process.stderr.write("loaded:" + found.join(" ") + ";");
});`;

async function loadedBy(...args: readonly string[]): Promise<string | undefined> {
  const report = `data:text/javascript,${encodeURIComponent(reporter)}`;
  const { stderr } = await run(process.execPath, ["--import", report, ...args]);
  return /loaded:([^;]*);/.exec(stderr)?.[1];
}

test("whoever makes a CSR loads them", async () => {
  const program = `
    const { makeKeyPair } = await import("${src("certificates/key_pair.ts")}");
    const { createSigningRequest } = await import("${src("certificates/signing_request.ts")}");
    await createSigningRequest(makeKeyPair());`;

  assert.equal(await loadedBy("--input-type=module", "-e", program), "@peculiar/x509 tsyringe reflect-metadata");
});

for (const [who, args] of [
  ["meshctl", [src("cli/main.ts"), "--help"]],
  ["mesh-agent, until it attests,", [src("agent/main.ts"), "--help"]],
  ["a worker", [src("workers/worker.ts")]],
] as const) {
  test(`${who} loads none of them`, async () => {
    assert.equal(await loadedBy(...args), "");
  });
}

test("there is one door to them", () => {
  const doors = globSync(src("**/*.ts")).filter((file) =>
    /["'](@peculiar\/|tsyringe|reflect-metadata)/.test(readFileSync(file, "utf8")),
  );

  assert.deepEqual(doors, [src("certificates/x509.ts")]);
});
