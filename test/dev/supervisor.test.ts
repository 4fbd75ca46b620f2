import assert from "node:assert/strict";
import { test } from "node:test";
import type { Launch, PartSpec } from "../../src/cli/dev/part.ts";
import { restartDelayMs, Supervisor } from "../../src/cli/dev/supervisor.ts";
import { limits } from "../../src/platform/limits.ts";
import { ManualClock, settled } from "../support/manual_clock.ts";

/** Processes that only the test ends. */
class FakeProcesses {
  readonly launched: FakeProcess[] = [];
  cannot = false;

  readonly launch: Launch = () => {
    if (this.cannot) return { pid: undefined, because: "planted" };
    const process = new FakeProcess(this.launched.length + 1);
    this.launched.push(process);
    return process;
  };

  get last(): FakeProcess {
    const process = this.launched.at(-1);
    assert.ok(process);
    return process;
  }
}

class FakeProcess {
  readonly pid: number;
  readonly signals: string[] = [];
  readonly exited: Promise<string>;
  ignoresTerm = false;
  #exit: (how: string) => void = () => {};
  readonly #ready = Promise.withResolvers<void>();

  constructor(pid: number) {
    this.pid = pid;
    this.exited = new Promise((resolve) => {
      this.#exit = resolve;
    });
  }

  readonly ready = (): Promise<void> => this.#ready.promise;

  becomeReady(): void {
    this.#ready.resolve();
  }

  die(how = "exit 1"): void {
    this.#exit(how);
  }

  kill(signal: NodeJS.Signals): void {
    this.signals.push(signal);
    if (signal === "SIGKILL" || !this.ignoresTerm) this.#exit(signal);
  }
}

function given(extra: Partial<PartSpec> = {}) {
  const clock = new ManualClock();
  const processes = new FakeProcesses();
  const told: string[] = [];
  const spec: PartSpec = {
    name: "meshd-0",
    logPath: "/dev/null",
    ready: { kind: "line" },
    command: () => ({ program: "meshd", args: [] }),
    ...extra,
  };
  const supervisor = new Supervisor({
    spec,
    launch: processes.launch,
    clock,
    events: {
      started: ({ pid, again }) => void told.push(`${again ? "again" : "first"} ${pid}`),
      ended: ({ pid, how }) => void told.push(`ended ${pid} ${how}`),
      gone: () => {},
    },
  });
  return { clock, processes, told, supervisor };
}

async function running(extra: Partial<PartSpec> = {}) {
  const parts = given(extra);
  const start = parts.supervisor.start(new AbortController().signal);
  parts.processes.last.becomeReady();
  await start;
  return parts;
}

/** What has just happened is taken in before time moves. */
async function move(clock: ManualClock, byMs: number): Promise<void> {
  await settled();
  await clock.advance(byMs);
}

const noHurry = new AbortController().signal;

test("the wait before a restart is none, then doubles up to its limit", () => {
  const waits = [0, 1, 2, 3, 20].map(restartDelayMs);
  assert.deepEqual(waits, [0, 100, 200, 400, limits.devRestartLongestMs]);
});

test("a part with a shortest wait is not started before it", async () => {
  const { clock, processes, told, supervisor } = await running({ restartAfterMs: 2_000 });

  processes.last.die("SIGKILL");
  await move(clock, 1_999);
  assert.deepEqual(told, ["first 1", "ended 1 SIGKILL"]);
  await move(clock, 1);

  assert.deepEqual(told, ["first 1", "ended 1 SIGKILL", "again 2"]);
  await supervisor.stop(noHurry);
});

test("a part that dies is started again at once, and told with its new pid", async () => {
  const { clock, processes, told, supervisor } = await running();

  processes.last.die("SIGKILL");
  await move(clock, 0);

  assert.deepEqual(told, ["first 1", "ended 1 SIGKILL", "again 2"]);
  assert.equal(supervisor.pid, 2);
  await supervisor.stop(noHurry);
});

test("a part that dies again and again waits longer each time; one that ran steadily does not", async () => {
  const { clock, processes, supervisor } = await running();
  processes.last.die();
  await move(clock, 0);

  processes.last.die();
  await move(clock, limits.devRestartFirstMs - 1);
  const tooEarly = processes.launched.length;
  await move(clock, 1);
  const inTime = processes.launched.length;
  processes.last.becomeReady();
  await move(clock, limits.devSteadyMs);
  processes.last.die();
  await move(clock, 0);

  assert.deepEqual([tooEarly, inTime, processes.launched.length], [2, 3, 4]);
  await supervisor.stop(noHurry);
});

test("a part that hangs at its restart is killed and started once more", async () => {
  const { clock, processes, supervisor } = await running();
  processes.last.die();
  await move(clock, 0);

  await move(clock, limits.devReadyMs);
  await move(clock, limits.devRestartLongestMs);

  assert.deepEqual(processes.launched[1]?.signals, ["SIGKILL"]);
  assert.equal(processes.launched.length, 3);
  await supervisor.stop(noHurry);
});

test("a part that ends at its first start fails it, and is not started again", async () => {
  const { clock, processes, supervisor } = given();
  const start = supervisor.start(new AbortController().signal);

  processes.last.die("exit 3");

  await assert.rejects(start, /start meshd-0: exit 3/);
  await move(clock, limits.devRestartLongestMs);
  assert.equal(processes.launched.length, 1);
});

test("a stop asks, and nothing is started any more", async () => {
  const { clock, processes, supervisor } = await running();

  await supervisor.stop(noHurry);
  await move(clock, limits.devRestartLongestMs);

  assert.deepEqual(processes.last.signals, ["SIGTERM"]);
  assert.equal(processes.launched.length, 1);
});

test("what does not end when asked is killed after its grace, or as soon as there is a hurry", async () => {
  const patient = await running();
  patient.processes.last.ignoresTerm = true;
  const stopped = patient.supervisor.stop(noHurry);
  await move(patient.clock, limits.devStopMs);
  await stopped;

  const hasty = await running();
  hasty.processes.last.ignoresTerm = true;
  const hurry = new AbortController();
  const hurried = hasty.supervisor.stop(hurry.signal);
  await settled();
  hurry.abort();
  await hurried;

  assert.deepEqual(patient.processes.last.signals, ["SIGTERM", "SIGKILL"]);
  assert.deepEqual(hasty.processes.last.signals, ["SIGTERM", "SIGKILL"]);
});

test("a stop while a restart waits ends the waiting", async () => {
  const { clock, processes, supervisor } = await running();
  processes.last.die();
  await move(clock, 0);
  processes.last.die();
  await move(clock, 1);

  await supervisor.stop(noHurry);
  await move(clock, limits.devRestartLongestMs);

  assert.equal(processes.launched.length, 2);
});
