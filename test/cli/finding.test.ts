import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { catalog } from "../../src/cli/catalog.ts";
import { durationMs } from "../../src/cli/globals.ts";
import { findCommand } from "../../src/cli/invoke.ts";
import { type MeshFile, parseMeshFile, printMeshFile } from "../../src/cli/mesh_file.ts";
import { planned } from "../../src/cli/planned.ts";
import { printTable } from "../../src/cli/table.ts";
import { meshctl, stateDirectory, temporaryDirectory } from "./support/meshctl.ts";

const node = { name: "n", pid: 1, api: "http://127.0.0.1:1", xds: "x:1", agents: "a:1", cluster: "local" };

test("what dev prints is what the others read", () => {
  const mesh: MeshFile = {
    pid: 5,
    startedAt: "2026-01-01T00:00:00Z",
    token: "t",
    nodes: [{ ...node, xdsPlaintext: "p:1" }],
    nats: [{ name: "nats-0", pid: 6, url: "nats://127.0.0.1:4222" }],
    agents: [{ name: "a", pid: 7, socket: "/s" }],
    clusters: ["local"],
    dashboard: "http://127.0.0.1:1/",
  };
  assert.deepEqual(parseMeshFile(printMeshFile(mesh)), mesh);
  assert.throws(() => parseMeshFile("{}"), /pid/);
  assert.throws(() => parseMeshFile("["));
});

test("the command's name is found behind global flags, and what follows it stays in order", () => {
  assert.deepEqual(argsOf(["-n", "get", "get", "vs", "-A"]), ["get", ["-n", "get", "vs", "-A"]]);
  assert.deepEqual(argsOf(["--namespace=x", "token", "create"]), ["token create", ["--namespace=x"]]);
  assert.deepEqual(argsOf(["run", "--", "ls", "-n"]), ["run", ["--", "ls", "-n"]]);
});

function argsOf(argv: readonly string[]): unknown {
  const found = findCommand(argv);
  return found.kind === "command" ? [found.name, found.args] : found;
}

test("durations are read as they are written", () => {
  assert.deepEqual(
    ["500ms", "30s", "2m", "1m30s", "1.5s", "10"].map(durationMs),
    [500, 30_000, 120_000, 90_000, 1_500, 10_000],
  );
  for (const wrong of ["", "5x", "-1s", "s", "1s2", "1e9s"]) assert.throws(() => durationMs(wrong), /duration/, wrong);
});

test("a cell cannot move the terminal's cursor", () => {
  assert.equal(printTable(["NAME", "X"], [["a\u001b[2Jb\n", "1"]]), "NAME               X\na\\u001b[2Jb\\u000a  1\n");
});

test("wrong usage is 64 and says what is right", async () => {
  const cases = [
    ["nonsense"],
    ["get"],
    ["get", "vs", "--nope"],
    ["token"],
    ["get", "vs", "-o", "xml"],
    ["wait", "--for=x"],
    [],
  ];
  for (const args of cases) {
    const done = await meshctl([...args, ...(args.length > 0 ? ["--server", "http://127.0.0.1:1"] : [])]);
    assert.equal(done.status, 64, `${args.join(" ")}: ${done.err}`);
    assert.equal(done.out, "");
    assert.notEqual(done.err, "");
  }
});

test("help is data", async () => {
  const [overview, one] = await Promise.all([meshctl(["--help"]), meshctl(["get", "--help"])]);
  assert.deepEqual([overview.status, one.status], [0, 0]);
  assert.match(overview.out, /proxy-status/);
  assert.match(one.out, /--namespace/);
});

test("help of a command is asked for before it, behind it, and by the word", () => {
  assert.deepEqual(argsOf(["help", "gateway", "run"]), ["gateway run", ["--help"]]);
  assert.deepEqual(argsOf(["-h", "gateway", "run"]), ["gateway run", ["-h"]]);
  for (const args of [["help"], ["-h"], ["help", "help"], ["help", "-o", "json"]]) {
    assert.deepEqual(findCommand(args), { kind: "help" });
  }
});

test("a command that is planned says so, and what to use meanwhile; an unknown one names its like or nothing", () => {
  for (const [word, says] of [
    ["describe", /^describe: this version \(\d+\.\d+\.\d+\) does not have it yet; meanwhile: .*get/],
    ["history", /does not have it yet$/],
    ["aply", /^aply: no such command; did you mean apply\?/],
    ["nonsense", /^nonsense: no such command; see meshctl --help/],
  ] as const) {
    assert.throws(() => findCommand([word, "x"]), { status: 64, message: says });
  }
  const there = [...catalog.keys()].map((name) => name.split(" ")[0] ?? "");
  assert.deepEqual(
    [...planned.keys()].filter((name) => there.includes(name)),
    [],
  );
});

test("a mistake names where to read on, and what to write instead", async () => {
  assert.match((await meshctl(["get"])).err, /missing required argument 'kind'\nsee meshctl get --help/);
  const { status, err } = await meshctl(["apply", "-f", "a.yaml", "b.yaml"]);
  assert.equal(status, 64);
  assert.match(err, /meshctl apply -f a\.yaml -f b\.yaml/);
});

test("no mesh: exit 1 with the command that starts it", async (t) => {
  const directory = await temporaryDirectory(t);
  const done = await meshctl(["get", "vs", "--state-dir", directory]);
  assert.equal(done.status, 1);
  assert.match(done.err, /no mesh runs in .*meshctl dev --state-dir/);
});

test("a mesh whose process is gone is not used", async (t) => {
  const gone = spawn(process.execPath, ["-e", ""]);
  await once(gone, "exit");
  const directory = await stateDirectory(t, { pid: gone.pid ?? 0, nodes: [node] });
  const done = await meshctl(["get", "vs"], { environment: { MESHCTL_STATE_DIR: directory } });
  assert.equal(done.status, 1);
  assert.match(done.err, new RegExp(`pid ${gone.pid}.*is gone`));
});

test("a broken dev.json says what is wrong with it", async (t) => {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, "dev.json"), '{"pid":"x"}');
  const done = await meshctl(["get", "vs", "--state-dir", directory]);
  assert.equal(done.status, 1);
  assert.match(done.err, /dev\.json\.pid/);
});

test("the flag comes before the environment, and a node that does not answer is named", async (t) => {
  const directory = await stateDirectory(t, { nodes: [node] });
  const environment = { MESHCTL_STATE_DIR: "/no/such" };
  const done = await meshctl(["get", "vs", "--state-dir", directory], { environment });
  assert.equal(done.status, 1);
  assert.match(done.err, /no node answers: n \(http:\/\/127\.0\.0\.1:1\)/);
});
