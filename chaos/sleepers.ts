/**
 * An owner of busy service actors is frozen in the middle of its writes for five suspicion times, while the others take
 * its actors over and change their records; then it wakes. What it had begun is held on the network, so that it reaches
 * the store only when it wakes, against records that are others' by then.
 *
 *   npm run chaos -- sleepers [--times 20] [--writers 60] [--rate 60] [--requests 20] [--seed 1] [--json]
 *
 * Exit 1 when a write of the sleeper was accepted on a record that somebody else had changed meanwhile, when an epoch
 * fell, when anything acknowledged is lost or done twice, when a request failed, or when the sleeper had begun nothing.
 */
import { loadavg } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { limits } from "../src/platform/limits.ts";
import { seededRandom } from "../src/platform/random.ts";
import { ClusterWriters, gapIn, oneOf, printWritten, wrongs } from "../test/support/cluster_writers.ts";
import { endsWithUs } from "../test/support/ends_with_us.ts";
import type { Held } from "../test/support/link.ts";
import { Mesh } from "../test/support/mesh.ts";
import { MeshLinks } from "../test/support/mesh_links.ts";
import { demoLoad, stopLoads } from "../test/support/steady_load.ts";
import { StreamHistory } from "../test/support/stream_history.ts";
import { openStoreOf, ThreeNodes } from "../test/support/three_nodes.ts";

const { values } = parseArgs({
  options: {
    times: { type: "string", default: "20" },
    writers: { type: "string", default: "60" },
    rate: { type: "string", default: "60" },
    requests: { type: "string", default: "20" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
const sleepMs = 5 * limits.memberSuspicionMs;
/** How long its words are held before it freezes, ms: several turns begin, none ends. */
const heldMs = 600;
const calmMs = 2_000;
/** Then it is said what was missing last. */
const slowHealingMs = 5_000;

interface Begun {
  readonly key: string;
  readonly epoch: number;
}

interface Sleep {
  readonly sleeper: string;
  /** Actors' writes that it had begun. */
  readonly begun: number;
  /** Of those, on records that others had changed before it woke. */
  readonly overtaken: number;
  readonly accepted: readonly string[];
  readonly slowestWriteMs: number;
  readonly healedMs: number;
  readonly waitedFor: string;
}

const random = seededRandom(Number(values.seed));
const mesh = await Mesh.start({ args: ["--nodes", "3"] });
endsWithUs(mesh);
const sleeps: Sleep[] = [];
let links: MeshLinks | undefined;
try {
  const nodes = new ThreeNodes(mesh);
  await nodes.healed();
  links = await MeshLinks.interpose(mesh, nodes);
  const store = await openStoreOf(mesh);
  const history = new StreamHistory(store, ClusterWriters.mark);
  const loads = demoLoad(mesh.ready.ingress, mesh.workload("productpage-v1").outbound ?? "", Number(values.requests));
  const clients = Number(values.writers);
  const writers = new ClusterWriters({
    apis: nodes.apis,
    swappers: Math.floor(clients / 4),
    objects: Math.max(1, Math.floor(clients / 12)),
    announcers: clients - Math.floor(clients / 4),
    perSecond: Number(values.rate),
    portEvery: 1,
    seed: Number(values.seed),
  });
  await wait(2 * calmMs);
  for (let time = 0; time < Number(values.times); time++) {
    const sleeper = oneOf(random, nodes.names);
    const pid = nodes.pidOf(sleeper);
    const fromMs = performance.now();
    links.cutNode(sleeper, "all", { out: true, back: false });
    await wait(heldMs);
    process.kill(pid, "SIGSTOP");
    await wait(sleepMs);
    const begun = begunIn(links.held());
    const wakesAt = await store.lastSequence("records");
    await history.caughtUp();
    process.kill(pid, "SIGCONT");
    links.heal();
    const wokenMs = performance.now();
    const healed = await nodes.healed();
    await wait(calmMs);
    await history.caughtUp();
    const overtaken = begun.filter(({ key, epoch }) =>
      history.versions(key).some((version) => version.epoch > epoch && version.sequence <= wakesAt),
    );
    const accepted = overtaken.flatMap(({ key, epoch }) =>
      history
        .versions(key)
        .filter((version) => version.epoch <= epoch && version.sequence > wakesAt)
        .map(({ sequence }) => `${key} at ${sequence}, epoch ${epoch}`),
    );
    const { oneMs } = gapIn(writers.acknowledged, fromMs, performance.now());
    const sleep = {
      sleeper,
      begun: begun.length,
      overtaken: overtaken.length,
      accepted,
      slowestWriteMs: oneMs,
      healedMs: healed.atMs - wokenMs,
      waitedFor: healed.waitedFor,
    };
    sleeps.push(sleep);
    if (!values.json) printSleep(sleep);
  }
  const [written, served] = [await writers.stop(history), await stopLoads(loads)];
  await history.stop();
  const sum = (pick: (sleep: Sleep) => number): number => sleeps.reduce((total, sleep) => total + pick(sleep), 0);
  const wrong = [
    ...sleeps.flatMap(({ accepted }) => accepted.map((what) => `accepted: ${what}`)),
    ...wrongs(written),
    ...written.disorder.stale.map((what) => `told old: ${what}`),
  ];
  const overtaken = sum((sleep) => sleep.overtaken);
  const bad = wrong.length + served.failed > 0 || overtaken === 0;
  if (values.json) console.log(JSON.stringify({ sleeps, written, served }));
  else {
    console.log(
      `${sleeps.length} sleeps of ${sleepMs / 1_000} s: ${sum((sleep) => sleep.begun)} writes of actors begun before, ${overtaken} of them on records that others changed meanwhile, ${sum((sleep) => sleep.accepted.length)} of those accepted`,
    );
    for (const line of printWritten(written)) console.log(line);
    console.log(`requests: ${served.failed} failed of ${served.sent} · load average ${loadavg()[0]?.toFixed(1)}`);
    for (const line of wrong.slice(0, 20)) console.log(`  ✖ ${line}`);
    if (served.failed > 0) console.log(served.reasons);
    console.log(bad ? "✖" : "✔");
  }
  if (bad) process.exitCode = 1;
} finally {
  await mesh.remove();
  await links?.stop();
}

/** Actors' writes in what was said to NATS: subject and headers stand there as text. */
function begunIn(held: readonly Held[]): readonly Begun[] {
  const write = /HPUB weft\.local\.records\.[a-z0-9]+\.(service\.\S+) [\s\S]*?Weft-Epoch: (\d+)/g;
  return held.flatMap(({ text }) =>
    [...text.matchAll(write)].map(([, key = "", epoch]) => ({ key, epoch: Number(epoch) })),
  );
}

function printSleep({ sleeper, begun, overtaken, accepted, slowestWriteMs, healedMs, waitedFor }: Sleep): void {
  const cells = [
    accepted.length > 0 ? "✖" : "✔",
    `SIGSTOP ${sleeper} for ${sleepMs / 1_000} s`,
    `begun ${begun}, overtaken ${overtaken}, accepted ${accepted.length}`.padEnd(42),
    `slowest write ${(slowestWriteMs / 1_000).toFixed(2)} s`,
    `healed ${(healedMs / 1_000).toFixed(2)} s`,
    healedMs > slowHealingMs ? `waited for ${waitedFor}` : "",
  ];
  console.log(cells.join("  ").trimEnd());
}
