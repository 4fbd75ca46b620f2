/** What npm publishes runs a mesh by itself: with Node, Envoy and nats-server on PATH, and nothing of the checkout. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type InstalledPackage, installPackage } from "../support/installed_package.ts";
import { Mesh } from "../support/mesh.ts";

const mostPackedBytes = 1_500_000;
let installed: InstalledPackage;

before(async () => {
  installed = await installPackage();
});
after(() => installed?.remove());

interface Ended {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

function meshctl(path: string, ...args: readonly string[]): Promise<Ended> {
  const environment = { PATH: path, HOME: join(installed.folder, "home") };
  return new Promise((resolve) => {
    execFile(installed.meshctl, [...args], { cwd: installed.folder, env: environment }, (error, stdout, stderr) =>
      resolve({ code: error ? (error.code ?? -1) : 0, stdout, stderr }),
    );
  });
}

test("it holds what was built and the examples, and is small", () => {
  const others = installed.files.filter(
    (path) => !/^(bin|dist|examples)\/|^(README|CHANGELOG|LICENSE|package)\b/.test(path),
  );
  const sources = installed.files.filter((path) => /\.test\.|(?<!\.d)\.ts$|\.map$/.test(path));

  assert.deepEqual([...others, ...sources], []);
  assert.ok(installed.packedBytes < mostPackedBytes, `${installed.packedBytes} bytes`);
});

test("it says its version", async () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"));
  const said = await meshctl(installed.pathWith(), "--version");
  assert.deepEqual(said, { code: 0, stdout: `meshctl ${version}\n`, stderr: "" });
});

test("where a tool is missing, dev says which in one line", async () => {
  const { code, stdout, stderr } = await meshctl(installed.pathWith("envoy"), "--state-dir", "state", "dev");

  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /^meshctl: find nats-server: not on PATH; .*\n$/);
});

test("dev --demo answers, and Ctrl-C leaves nothing", async () => {
  const stateDir = join(installed.folder, "state");
  const environment = {
    PATH: installed.pathWith("envoy", "nats-server"),
    HOME: join(installed.folder, "home"),
    NODE_COMPILE_CACHE: join(installed.folder, "compiled"),
  };
  const mesh = await Mesh.start({ meshctl: installed.meshctl, stateDir, environment });

  const page = await fetch(`${mesh.ready.ingress}/productpage`);
  const script = await mesh.api("/dashboard/main.js");
  const code = await mesh.stop();

  assert.equal(page.status, 200);
  assert.equal(script.status, 200);
  assert.equal(code, 0);
  assert.deepEqual(await mesh.leftovers(), []);
});
