/**
 * 200 clients that never pause while nodes and nats-servers are killed, one after the other, each after the one before
 * has healed. Every write that was acknowledged must be in the store's own history, each once; what clients saw of each
 * object must have an order (linearizability); no request between workloads may fail.
 *
 *   npm run chaos -- cluster_kills [--meshd 50] [--nats 20] [--writers 200] [--rate 200] [--requests 30] [--seed 1] [--json]
 *
 * A gap is the longest time without any acknowledgement; `one` is the longest that a single write took, its repetitions
 * at other nodes included. Exit 1 when a write is lost, done twice or without order, a request failed, or a single write
 * took longer than 5 s after a meshd, 12 s after a nats-server (its own election takes 4 to 9 s).
 */
import { loadavg } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { seededRandom } from "../src/platform/random.ts";
import { ClusterWriters, gapIn, oneOf, printWritten, wrongs } from "../test/support/cluster_writers.ts";
import { endsWithUs } from "../test/support/ends_with_us.ts";
import { Mesh } from "../test/support/mesh.ts";
import { demoLoad, stopLoads } from "../test/support/steady_load.ts";
import { StreamHistory } from "../test/support/stream_history.ts";
import { leaderOfRecords, openStoreOf, ThreeNodes } from "../test/support/three_nodes.ts";

const { values } = parseArgs({
  options: {
    meshd: { type: "string", default: "50" },
    nats: { type: "string", default: "20" },
    writers: { type: "string", default: "200" },
    rate: { type: "string", default: "200" },
    requests: { type: "string", default: "30" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
const limitMs = { meshd: 5_000, nats: 12_000 } as const;
/** Between a healing and the next kill, ms; drawn from it, so that kills fall anywhere in what nodes do. */
const calmMs = 2_000;
/** Then it is said what was missing last. */
const slowHealingMs = 10_000;

interface Kill {
  readonly what: "meshd" | "nats";
  readonly part: string;
  readonly ledRecords: boolean;
  readonly gapMs: number;
  readonly oneMs: number;
  readonly one: string;
  readonly failures: readonly string[];
  readonly healedMs: number;
  readonly waitedFor: string;
}

const random = seededRandom(Number(values.seed));
const mesh = await Mesh.start({ args: ["--nodes", "3"] });
endsWithUs(mesh);
const kills: Kill[] = [];
try {
  const nodes = new ThreeNodes(mesh);
  await nodes.healed();
  const history = new StreamHistory(await openStoreOf(mesh), ClusterWriters.mark);
  const loads = demoLoad(mesh.ready.ingress, mesh.workload("productpage-v1").outbound ?? "", Number(values.requests));
  const clients = Number(values.writers);
  const writers = new ClusterWriters({
    apis: nodes.apis,
    swappers: clients - Math.floor(clients / 3),
    objects: Math.max(1, Math.floor(clients / 6)),
    announcers: Math.floor(clients / 3),
    perSecond: Number(values.rate),
    seed: Number(values.seed),
  });
  await wait(2 * calmMs);
  for (const what of shuffled()) {
    const part = oneOf(random, what === "meshd" ? nodes.names : nodes.nats);
    const ledRecords = what === "nats" && (await leaderOfRecords(mesh)) === part;
    const killedMs = performance.now();
    await mesh.restartOf(part, () => process.kill(nodes.pidOf(part), "SIGKILL"));
    const healed = await nodes.healed();
    await wait(calmMs * (0.5 + random.unit()));
    const { allMs, ...gap } = gapIn(writers.acknowledged, killedMs, performance.now());
    const kill = {
      what,
      part,
      ledRecords,
      gapMs: allMs,
      ...gap,
      healedMs: healed.atMs - killedMs,
      waitedFor: healed.waitedFor,
    };
    kills.push(kill);
    if (!values.json) printKill(kill);
  }
  const [written, served] = [await writers.stop(history), await stopLoads(loads)];
  await history.stop();
  const slow = kills.filter((kill) => kill.oneMs > limitMs[kill.what]);
  const wrong = [...wrongs(written), ...written.disorder.stale.map((what) => `told old: ${what}`)];
  const bad = slow.length + wrong.length + served.failed > 0;
  if (values.json) console.log(JSON.stringify({ kills, written, served }));
  else {
    for (const what of ["meshd", "nats"] as const) {
      const of = kills.filter((kill) => kill.what === what);
      if (of.length === 0) continue;
      const worst = (pick: (kill: Kill) => number): string => seconds(Math.max(...of.map(pick)));
      console.log(
        `${what} killed ${of.length} times: worst gap ${worst((kill) => kill.gapMs)}, slowest write ${worst((kill) => kill.oneMs)} (limit ${seconds(limitMs[what])}), healed within ${worst((kill) => kill.healedMs)}`,
      );
    }
    for (const line of printWritten(written)) console.log(line);
    console.log(
      `requests: ${served.failed} failed of ${served.sent}, slowest ${seconds(served.slowestMs)} · load average ${loadavg()[0]?.toFixed(1)}`,
    );
    for (const line of wrong.slice(0, 20)) console.log(`  ✖ ${line}`);
    for (const { part, one, failures } of slow) console.log(`  ✖ ${part}: ${one} ${failures.join(" · ")}`);
    if (served.failed > 0) console.log(served.reasons);
    console.log(bad ? "✖" : "✔");
  }
  if (bad) process.exitCode = 1;
} finally {
  await mesh.remove();
}

/** What is killed, in an order that the seed decides. */
function shuffled(): readonly Kill["what"][] {
  const left = { meshd: Number(values.meshd), nats: Number(values.nats) };
  const order: Kill["what"][] = [];
  while (left.meshd + left.nats > 0) {
    const what = random.unit() * (left.meshd + left.nats) < left.meshd ? "meshd" : "nats";
    left[what]--;
    order.push(what);
  }
  return order;
}

function printKill({ what, part, ledRecords, gapMs, oneMs, one, healedMs, waitedFor }: Kill): void {
  const cells = [
    oneMs > limitMs[what] ? "✖" : "✔",
    `kill -9 ${part}${ledRecords ? ", which led the records" : ""}`.padEnd(40),
    `gap ${seconds(gapMs)}`,
    `slowest write ${seconds(oneMs)} (${one})`.padEnd(40),
    `healed ${seconds(healedMs)}`,
    healedMs > slowHealingMs ? `waited for ${waitedFor}` : "",
  ];
  console.log(cells.join("  ").trimEnd());
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}
