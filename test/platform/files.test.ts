// A program's own files: its state directory, the places of its sockets, the logs of what it starts.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, closeSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { cutLog, openLog } from "../../src/platform/bounded_log.ts";
import { limits } from "../../src/platform/limits.ts";
import { makePrivateDirectory, socketDirectory } from "../../src/platform/socket_directory.ts";
import { StateDirectory } from "../../src/platform/state_directory.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "weft-files-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("state: what was written is read, the user's alone unless said otherwise, and nothing else is left beside it", () => {
  const state = new StateDirectory(join(directory, "state"));
  assert.equal(state.read("a/b"), undefined);
  state.write("a/b", "one");
  state.write("a/b", "two", 0o644);
  state.write("a/c", "three");
  assert.equal(state.read("a/b"), "two");
  assert.deepEqual(state.list("a"), ["b", "c"]);
  assert.deepEqual(
    ["", "a", "a/b", "a/c"].map((name) => statSync(state.path(name)).mode & 0o777),
    [0o700, 0o700, 0o644, 0o600],
  );
  state.remove("a");
  assert.deepEqual(state.list("a"), []);
});

test("sockets lie in the state directory, or where their paths are short enough", () => {
  const place = { nameBytes: 21, environment: { XDG_RUNTIME_DIR: directory } };
  const short = join(directory, "s");
  assert.equal(socketDirectory({ ...place, directory: short }), short);
  const deep = join(directory, "d".repeat(120));
  const instead = socketDirectory({ ...place, directory: deep });
  assert.ok(Buffer.byteLength(instead) + 1 + place.nameBytes <= limits.socketPathBytes);
  assert.notEqual(instead, socketDirectory({ ...place, directory: `${deep}e` }));
});

test("a directory that others may enter is refused for sockets", () => {
  const open = join(directory, "open");
  mkdirSync(open);
  chmodSync(open, 0o755);
  assert.throws(() => makePrivateDirectory(open), /this user alone/);
  makePrivateDirectory(join(directory, "ours"));
});

test("a log above its limit begins anew while its program goes on writing; the part before is kept once", async () => {
  const path = join(directory, "log");
  const file = openLog(path);
  const writes = `process.stdin.on("data", (word) => require("node:fs").writeSync(2, word + "\\n")); process.stdin.resume()`;
  const child = spawn(process.execPath, ["-e", writes], { stdio: ["pipe", "pipe", file] });
  closeSync(file);
  const write = async (word: string): Promise<void> => {
    child.stdin?.write(word);
    while (!readFileSync(path, "utf8").endsWith(`${word}\n`)) await new Promise(setImmediate);
  };
  try {
    await write("first");
    cutLog(path, 100);
    assert.equal(readFileSync(path, "utf8"), "first\n");
    cutLog(path, 3);
    assert.equal(readFileSync(`${path}.1`, "utf8"), "first\n");
    await write("second");
    assert.equal(readFileSync(path, "utf8"), "second\n");
    cutLog(path, 3);
    assert.equal(readFileSync(`${path}.1`, "utf8"), "second\n");
  } finally {
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }
  cutLog(join(directory, "absent"));
});
