/**
 * A gentle load on the demo: `node loadgen.ts URL [REQUESTS_PER_SECOND]`. It retries nothing, so that every failure is
 * seen, and prints one JSON line a second with its totals: {"sent","ok","failed","lastError"?}.
 */
import { Agent, get } from "node:http";
import { systemClock } from "../platform/clock.ts";

const url = process.argv[2];
const perSecond = Number(process.argv[3] ?? 5);
if (!url || !(perSecond > 0 && perSecond <= 1_000)) {
  process.stderr.write("usage: node loadgen.ts URL [REQUESTS_PER_SECOND up to 1000]\n");
  process.exit(64);
}

const agent = new Agent({ keepAlive: true });
const totals: { sent: number; ok: number; failed: number; lastError?: string } = { sent: 0, ok: 0, failed: 0 };
const requestTimeoutMs = 10_000;

function fail(because: string): void {
  totals.failed++;
  totals.lastError = because;
}

function send(target: string): void {
  totals.sent++;
  const request = get(target, { agent, timeout: requestTimeoutMs }, (response) => {
    response.resume();
    response.on("end", () => (response.statusCode === 200 ? totals.ok++ : fail(`status ${response.statusCode}`)));
    response.on("error", (cause) => fail(cause.message));
  });
  request.on("timeout", () => request.destroy(new Error(`no answer within ${requestTimeoutMs} ms`)));
  request.on("error", (cause) => fail(cause.message));
}

systemClock.every(1_000 / perSecond, () => send(url));
systemClock.every(1_000, () => process.stdout.write(`${JSON.stringify(totals)}\n`));
// The clock's timers do not hold the process; standard input does, and its end is the end.
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => process.exit(0));
