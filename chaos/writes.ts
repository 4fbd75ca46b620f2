/**
 * Writers that never pause while meshd and nats-server are killed: what was acknowledged must be there afterwards, and
 * nothing may be there that nobody sent.
 *
 *   npm run chaos -- writes [--rounds 6] [--json]
 *
 * Exit 1 when an acknowledged write is lost.
 */
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { endsWithUs } from "../test/support/ends_with_us.ts";
import { Mesh } from "../test/support/mesh.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "6" }, json: { type: "boolean", default: false } },
});
/** How long one call may take before it counts as unknown, ms. */
const callMs = 3_000;
const betweenKillsMs = 3_000;

interface Writer {
  readonly name: string;
  write(count: number): Promise<void>;
  read(): Promise<number>;
}

interface Written {
  readonly writer: string;
  sent: number;
  acknowledged: number;
  /** Newest count that was acknowledged. */
  newest: number;
  lost: number;
}

const mesh = await Mesh.start({ demo: false });
endsWithUs(mesh);

async function call(path: string, init: RequestInit = {}): Promise<unknown> {
  const response = await mesh.api(path, { ...init, signal: AbortSignal.timeout(callMs) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`);
  return JSON.parse(text);
}

function applying(index: number): Writer {
  const name = `written-${index}`;
  return {
    name: `apply ${name}`,
    async write(count) {
      const spec = {
        hosts: [name],
        http: [{ match: [{ uri: { exact: `/${count}` } }], route: [{ destination: { host: name } }] }],
      };
      const body = JSON.stringify({
        apiVersion: "networking.mesh.io/v1",
        kind: "VirtualService",
        metadata: { name },
        spec,
      });
      await call("/v1/apply", { method: "POST", body });
    },
    async read() {
      const text = JSON.stringify(await call(`/v1/resources/VirtualService/default/${name}`));
      return Number(/"exact":"\/(\d+)"/.exec(text)?.[1]);
    },
  };
}

function announcing(index: number): Writer {
  const path = `/v1/endpoints/default/written-${index}`;
  return {
    name: `endpoints written-${index}`,
    async write(count) {
      const ports = [{ name: "http", port: 80, protocol: "http" }];
      const endpoints = [{ id: String(count), address: "127.0.0.1", ports: { http: 1 } }];
      await call(`${path}?source=chaos`, { method: "PUT", body: JSON.stringify({ ports, endpoints }) });
    },
    async read() {
      return Number(/"id":"(\d+)"/.exec(JSON.stringify(await call(path)))?.[1]);
    },
  };
}

/** One write after the other, until the signal; a count is sent once, whatever became of it. */
async function keepWriting(writer: Writer, written: Written, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const count = ++written.sent;
    try {
      await writer.write(count);
      written.acknowledged++;
      written.newest = count;
    } catch {
      await wait(50);
    }
  }
}

const writers = [applying(0), applying(1), announcing(0), announcing(1)];
const all: Written[] = writers.map(({ name }) => ({ writer: name, sent: 0, acknowledged: 0, newest: 0, lost: 0 }));
try {
  for (let round = 0; round < Number(values.rounds); round++) {
    const part = round % 2 === 0 ? "meshd-0" : "nats-0";
    const over = new AbortController();
    const writing = writers.map((writer, index) => keepWriting(writer, written(index), over.signal));
    await wait(betweenKillsMs / 2);
    await mesh.restartOf(part, () => process.kill(mesh.pidOf(part) ?? 0, "SIGKILL"));
    await wait(betweenKillsMs);
    over.abort();
    await Promise.all(writing);
    for (const [index, writer] of writers.entries()) {
      const found = await insist(() => writer.read());
      const { newest, sent } = written(index);
      // Later than what was acknowledged may be there, from a write whose answer was lost.
      if (!(found >= newest && found <= sent)) written(index).lost++;
    }
    if (!values.json)
      console.log(
        `kill -9 ${part}  ${all.map(({ writer, acknowledged, sent, lost }) => `${writer}: ${acknowledged} of ${sent} acknowledged, ${lost} lost`).join(" · ")}`,
      );
  }
} finally {
  await mesh.remove();
}
if (values.json) console.log(JSON.stringify(all));
if (all.some(({ lost }) => lost > 0)) process.exitCode = 1;

function written(index: number): Written {
  const found = all[index];
  if (!found) throw new Error(`no writer ${index}`);
  return found;
}

async function insist<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (cause) {
      if (tries >= 100) throw cause;
      await wait(100);
    }
  }
}
