import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import type { CliContext } from "../../src/cli/command.ts";
import { runMesh } from "../../src/cli/dev/mesh_run.ts";
import type { Tools } from "../../src/cli/dev/programs.ts";
import { settingsOf } from "../../src/cli/dev/settings.ts";
import { StopSignal } from "../../src/cli/dev/stop_signal.ts";
import type { ExitStatus } from "../../src/cli/exit.ts";
import { parseMeshFile } from "../../src/cli/mesh_file.ts";
import { readOptions } from "../../src/cli/options.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { startTimeOf } from "../../src/platform/process_id.ts";
import { systemRandom } from "../../src/platform/random.ts";

interface Line {
  readonly event: string;
  readonly name?: string;
  readonly pid?: number;
  readonly ingress?: string;
  readonly workloads?: readonly { readonly name: string; readonly pids: { readonly command?: number } }[];
  readonly [field: string]: unknown;
}

const runs: Run[] = [];
let directory = "";
let tools: Tools;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "weft-dev-"));
  const script = (name: string, first: string): string => {
    const path = join(directory, name);
    writeFileSync(
      path,
      `#!/bin/sh\nexec ${process.execPath} ${join(import.meta.dirname, "fake_parts.mjs")} ${first} "$@"\n`,
    );
    chmodSync(path, 0o755);
    return path;
  };
  tools = { node: script("node", ""), envoy: "envoy", natsServer: script("nats-server", "nats") };
  process.env.FAKE_JOURNAL = join(directory, "journal");
});

afterEach(async () => {
  for (const run of runs.splice(0)) await run.end().catch(() => {});
  delete process.env.FAKE_JOURNAL;
  delete process.env.FAKE_FAIL;
  rmSync(directory, { recursive: true, force: true });
});

class Run {
  readonly lines: Line[] = [];
  readonly said: string[] = [];
  readonly stop = new StopSignal(systemClock);
  readonly ended: Promise<ExitStatus>;
  readonly #waiting = new Set<() => void>();

  constructor(options: Readonly<Record<string, unknown>> = {}) {
    const stateDir = join(directory, "state");
    const context: CliContext = {
      globals: {
        namespace: "default",
        allNamespaces: false,
        selector: undefined,
        output: "json",
        server: undefined,
        stateDir,
        cluster: undefined,
        timeoutMs: undefined,
        yes: false,
      },
      environment: {},
      clock: systemClock,
      random: systemRandom,
      color: false,
      interactive: false,
      out: (text) => {
        this.lines.push(JSON.parse(text));
        for (const look of this.#waiting) look();
      },
      say: (line) => void this.said.push(line),
      stdin: async () => "",
    };
    const settings = settingsOf({ args: [], options: readOptions(options) }, {});
    this.ended = runMesh({ context, settings, tools, stop: this.stop });
    this.ended.catch(() => {});
    runs.push(this);
  }

  /** The first line that fits, also one that was said before; rejects when the run ends without. */
  async line(fits: (line: Line) => boolean): Promise<Line> {
    const { promise, resolve } = Promise.withResolvers<Line>();
    const look = (): void => {
      const found = this.lines.find(fits);
      if (found) resolve(found);
    };
    this.#waiting.add(look);
    look();
    const over = this.ended.then((status) => {
      throw new Error(`dev ended with ${status}: ${this.said.join("\n")}`);
    });
    return Promise.race([promise, over]);
  }

  ready(): Promise<Line> {
    return this.line(({ event }) => event === "ready");
  }

  end(): Promise<ExitStatus> {
    this.stop.receive();
    return this.ended;
  }
}

const statePath = (name: string): string => join(directory, "state", name);
const journal = (): string[] => readFileSync(join(directory, "journal"), "utf8").trim().split("\n");

function status(url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (response) => resolve(response.resume().statusCode)).on("error", reject);
  });
}

test("given an empty directory, the parts start in their order, and stop in reverse with nothing left", async () => {
  const run = new Run();

  const ready = await run.ready();
  const file = parseMeshFile(readFileSync(statePath("dev.json"), "utf8"));
  const code = await run.end();

  assert.equal(code, 0);
  assert.deepEqual(Object.keys(ready).sort(), ["agents", "api", "clusters", "event", "nats", "nodes", "pid", "xds"]);
  assert.deepEqual(Object.keys((ready.nodes as object[])[0] ?? {}).sort(), ["api", "cluster", "name", "pid", "xds"]);
  assert.equal(file.pid, process.pid);
  assert.deepEqual(journal(), [
    ...["start nats", "start meshd", "start agent"],
    ...["stop agent asked", "stop meshd asked", "stop nats asked"],
  ]);
  assert.equal(existsSync(statePath("dev.json")), false);
  assert.equal(existsSync(statePath("lock")), false);
  for (const { pid } of [...file.nodes, ...file.nats, ...file.agents]) assert.equal(startTimeOf(pid), undefined);
});

test("secrets are made once and are the user's alone", async () => {
  const first = new Run();
  await first.ready();
  const key = readFileSync(statePath("authority.key"));
  const credentials = readFileSync(statePath("nats-credentials.json"), "utf8");
  await first.end();

  const second = new Run();
  await second.ready();
  await second.end();

  assert.equal(Buffer.from(key.toString(), "base64").length, 32);
  assert.deepEqual(readFileSync(statePath("authority.key")), key);
  assert.equal(readFileSync(statePath("nats-credentials.json"), "utf8"), credentials);
  for (const name of ["authority.key", "nats-credentials.json", "nats-0.conf", "agent-0.token", "logs/meshd-0.log"]) {
    assert.equal(statSync(statePath(name)).mode & 0o077, 0, name);
  }
});

test("what dies is started again on the same ports, and dev.json has its new pid", async () => {
  const run = new Run();
  await run.ready();
  const before = parseMeshFile(readFileSync(statePath("dev.json"), "utf8"));

  for (const { name, pid } of [...before.nats, ...before.nodes, ...before.agents]) {
    process.kill(pid, "SIGKILL");
    const again = await run.line((line) => line.event === "restarted" && line.name === name);
    assert.notEqual(again.pid, pid);
  }

  const after = parseMeshFile(readFileSync(statePath("dev.json"), "utf8"));
  await run.end();
  assert.equal(after.nodes[0]?.api, before.nodes[0]?.api);
  assert.equal(after.nats[0]?.url, before.nats[0]?.url);
  assert.notEqual(after.nodes[0]?.pid, before.nodes[0]?.pid);
});

test("a second dev on the same directory is refused and names the pid; the first goes on", async () => {
  const first = new Run();
  const ready = await first.ready();

  const second = new Run();

  await assert.rejects(second.ended, new RegExp(`already runs .*pid ${process.pid}`));
  assert.equal(await status(`${ready.api}/readyz`), 200);
  assert.equal(await first.end(), 0);
});

test("a part that fails at its start ends the run, with its log's last lines and nothing left", async () => {
  process.env.FAKE_FAIL = "agent";

  const run = new Run();

  await assert.rejects(
    run.ended,
    /start agent-0: exit 3; its log is .*agent-0\.log\n {2}\| agent cannot start: a planted failure/,
  );
  assert.deepEqual(journal().slice(-2), ["stop meshd asked", "stop nats asked"]);
  assert.equal(existsSync(statePath("lock")), false);
});

test("a stop during the start breaks it off and leaves nothing", async () => {
  const run = new Run();
  run.stop.receive();

  assert.equal(await run.ended, 0);
  assert.equal(existsSync(statePath("lock")), false);
  assert.equal(existsSync(statePath("dev.json")), false);
});

test("a port that another program takes before its part can use it: all start again with others", async () => {
  const thief = join(directory, "thief");
  process.env.FAKE_THIEF = thief;
  const run = new Run();
  try {
    const ready = await run.ready();

    assert.equal(await status(`${ready.api}/readyz`), 200);
    assert.match(run.said.join("\n"), /port \d+ was taken by another program meanwhile/);
    const started = journal().filter((line) => line.startsWith("start"));
    assert.deepEqual(started, ["start nats", "start meshd", "start nats", "start meshd", "start agent"]);
    assert.equal(await run.end(), 0);
  } finally {
    delete process.env.FAKE_THIEF;
    process.kill(Number(readFileSync(thief, "utf8")), "SIGKILL");
  }
});

test("--config is applied at the start; what is wrong with it ends the run with apply's own status", async () => {
  const file = join(directory, "rules.yaml");
  writeFileSync(file, "kind: VirtualService\n");
  const good = new Run({ config: file });
  await good.ready();
  await good.end();

  const bad = new Run({ config: join(directory, "missing.yaml") });

  assert.ok(journal().includes("apply"));
  await assert.rejects(bad.ended, { status: 65, message: /missing\.yaml: no such file/ });
});

test("what a killed run left is ended at the next start", async () => {
  const left = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  const exited = once(left, "exit");
  mkdirSync(join(directory, "state"));
  const startTime = startTimeOf(left.pid ?? 0);
  // The second has a pid that came back for somebody else: this test.
  const entries = [
    { name: "meshd-0", pid: left.pid, startTime },
    { name: "agent-0", pid: process.pid, startTime: "1" },
  ];
  writeFileSync(statePath("processes.json"), JSON.stringify(entries));

  const run = new Run();
  await run.ready();

  assert.deepEqual(await exited, [null, "SIGTERM"]);
  assert.equal(await run.end(), 0);
});

test("with the demo, the page answers through the ingress, and an app that dies is started again", async () => {
  const run = new Run({ demo: true });
  const ready = await run.ready();
  const names = ready.workloads?.map(({ name }) => name).sort();
  const reviews = ready.workloads?.find(({ name }) => name === "reviews-v1")?.pids.command ?? 0;

  const page = await status(`${ready.ingress}/productpage`);
  process.kill(reviews, "SIGKILL");
  await run.line((line) => line.event === "restarted" && line.name === "reviews-v1");
  const code = await run.end();

  assert.equal(page, 200);
  assert.equal(code, 0);
  const apps = ["details-v1", "ingress", "productpage-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3"];
  assert.deepEqual(names, apps);
  // Every workload is withdrawn while its agent still runs.
  const lines = journal();
  assert.equal(
    lines.slice(0, lines.indexOf("stop agent asked")).filter((line) => line.startsWith("withdraw")).length,
    7,
  );
  assert.equal(startTimeOf(reviews), undefined);
});
