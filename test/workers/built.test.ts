/** The workers run as built JavaScript too, which is how a published Weft has them. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));

const program = `
import { WorkerPool } from "./workers/pool.js";
import { silentLogger } from "./platform/log.js";
import { makeKeyPair } from "./certificates/key_pair.js";
import { createSigningRequest } from "./certificates/signing_request.js";
import { createRoot } from "./certificates/authority_certificates.js";
import { issuerFrom } from "./certificates/issuer.js";
import { systemRandom } from "./platform/random.js";

const keys = makeKeyPair();
const nowMs = Date.now();
const root = await createRoot({ trustDomain: "td", slot: "s", keys, nowMs, random: systemRandom });
const issuer = await issuerFrom(root, keys.privateKey);
const pool = new WorkerPool({ log: silentLogger, threads: 1 });
const requests = [{ spiffeId: "spiffe://td/x", csr: await createSigningRequest(makeKeyPair()) }];
const { answers } = await pool.run({ kind: "sign", issuer, requests, lifetimeMs: 60000, nowMs });
console.log(answers[0].kind, answers[0].svid.spiffeId);
await pool.close();
`;

test("a pool built to JavaScript signs", async (context) => {
  // Inside the checkout, so that the built files find their packages.
  const cache = join(root, "node_modules/.weft");
  mkdirSync(cache, { recursive: true });
  const directory = mkdtempSync(join(cache, "test-built-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const files = ["workers/pool.ts", "workers/worker.ts", "certificates/authority_certificates.ts"];
  const config = {
    extends: join(root, "tsconfig.build.json"),
    compilerOptions: { rootDir: join(root, "src"), outDir: directory, declaration: false, sourceMap: false },
    include: [],
    files: files.map((file) => join(root, "src", file)),
  };
  writeFileSync(join(directory, "tsconfig.json"), JSON.stringify(config));
  await run(join(root, "node_modules/.bin/tsc"), ["-p", join(directory, "tsconfig.json")]);
  writeFileSync(join(directory, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(directory, "main.js"), program);

  const { stdout } = await run(process.execPath, [join(directory, "main.js")]);

  assert.equal(stdout, "issued spiffe://td/x\n");
});
