/**
 * The whole control plane is gone: every meshd and every nats-server is killed and stays away (what would start them
 * again is frozen), while the demo is under load and its endpoints are what the proxies had. Then it comes back, and
 * nobody lends a hand. After that all of NATS is killed again and again, as fast as it comes up.
 *
 *   npm run chaos -- outage [--minutes 10] [--fast 5] [--requests 40] [--json]
 *
 * Exit 1 when a request failed; when afterwards a changed route, a changed endpoint or a new workload did not work within
 * 30 s; or when any Envoy lost a cluster, a listener or an endpoint that nobody had taken away.
 */
import { loadavg } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { ConfigurationFlow } from "../test/support/configuration_flow.ts";
import { endsWithUs } from "../test/support/ends_with_us.ts";
import { EnvoyWorlds } from "../test/support/envoy_worlds.ts";
import { Mesh } from "../test/support/mesh.ts";
import { newcomerServes } from "../test/support/newcomer.ts";
import { demoLoad, type LoadReport, stopLoads } from "../test/support/steady_load.ts";
import { ThreeNodes } from "../test/support/three_nodes.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    fast: { type: "string", default: "5" },
    requests: { type: "string", default: "40" },
    json: { type: "boolean", default: false },
  },
});
const flowLimitMs = 30_000;
/** Between two kills of all of NATS, ms: less than it takes to elect anybody. */
const fastPauseMs = 1_500;

interface Phase extends LoadReport {
  readonly phase: string;
  readonly losses: readonly string[];
  /** Until it worked again, ms after everything was let go. */
  readonly times: Readonly<Record<string, number>>;
  readonly clusters: number;
}

const mesh = await Mesh.start({ args: ["--nodes", "3"] });
endsWithUs(mesh);
const flow = await ConfigurationFlow.start(mesh);
const phases: Phase[] = [];
try {
  const nodes = new ThreeNodes(mesh);
  await nodes.healed();
  await flow.flows(performance.now());
  const control = [...nodes.names, ...nodes.nats];
  if (Number(values.minutes) > 0) {
    const phase = await during(`all of the control plane gone for ${values.minutes} min`, nodes, async () => {
      // Frozen, `dev` starts nothing again; what it runs is not held by it otherwise.
      process.kill(mesh.ready.pid, "SIGSTOP");
      for (const part of control) process.kill(nodes.pidOf(part), "SIGKILL");
      await wait(Number(values.minutes) * 60_000);
      process.kill(mesh.ready.pid, "SIGCONT");
    });
    tell(phase);
  }
  if (Number(values.fast) > 0) {
    const phase = await during(`all of NATS killed ${values.fast} times, fast`, nodes, async () => {
      for (let time = 0; time < Number(values.fast); time++) {
        const again = nodes.nats.map((part) => mesh.restartOf(part, () => process.kill(nodes.pidOf(part), "SIGKILL")));
        await Promise.all(again);
        await wait(fastPauseMs);
      }
    });
    tell(phase);
  }
} finally {
  // Frozen, it could not be stopped.
  process.kill(mesh.ready.pid, "SIGCONT");
  await flow.close();
  await mesh.remove();
}
if (values.json) console.log(JSON.stringify(phases));
if (phases.some(isBad)) process.exitCode = 1;

async function during(phase: string, nodes: ThreeNodes, strike: () => Promise<void>): Promise<Phase> {
  // What went before has reached everybody.
  await mesh.api("/v1/wait?timeoutMs=30000");
  const worlds = await EnvoyWorlds.look(mesh);
  const loads = demoLoad(mesh.ready.ingress, mesh.workload("productpage-v1").outbound ?? "", Number(values.requests));
  await wait(1_000);
  await strike();
  const overMs = performance.now();
  // Nothing is changed until all is back: whatever an Envoy loses, it loses by itself.
  const healed = await nodes.healed(180_000);
  await allConnected();
  const losses = await worlds.losses();
  const fromMs = performance.now();
  const [times, servesMs] = await Promise.all([flow.flows(fromMs), newcomerServes(mesh, `after-${phases.length}`)]);
  const report = await stopLoads(loads);
  return {
    phase,
    ...report,
    losses,
    clusters: worlds.clusters,
    times: {
      healed: healed.atMs - overMs,
      route: times.routesMs,
      endpoint: times.endpointsMs,
      "new workload": servesMs - fromMs,
      stale: times.stale,
    },
  };
}

/** Every Envoy has a control connection, so that whatever it would be sent on its return it has been sent. */
async function allConnected(): Promise<void> {
  for (;;) {
    const proxies = (await (await mesh.api("/v1/proxies")).json()) as readonly { readonly connected: boolean }[];
    if (proxies.filter(({ connected }) => connected).length >= mesh.ready.workloads.length) return;
    await wait(100);
  }
}

function tell(phase: Phase): void {
  phases.push(phase);
  if (values.json) return;
  const { failed, sent, slowestMs, reasons, losses, clusters, times } = phase;
  const { stale = 0, ...waits } = times;
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;
  console.log(`${isBad(phase) ? "✖" : "✔"}  ${phase.phase}`);
  console.log(`   requests   ${failed} failed of ${sent}, slowest ${seconds(slowestMs)}`);
  console.log(
    `   back       ${Object.entries(waits)
      .map(([what, ms]) => `${what} ${seconds(ms)}`)
      .join(" · ")}`,
  );
  console.log(`   lost       ${losses.length} of ${clusters} clusters held by Envoys, stale answers ${stale}`);
  console.log(`   load average ${loadavg()[0]?.toFixed(1)}`);
  for (const line of losses.slice(0, 20)) console.log(`   ✖ ${line}`);
  if (failed > 0) console.log(reasons);
}

function isBad({ failed, losses, times }: Phase): boolean {
  const { stale = 0, healed: _healed, ...waits } = times;
  return failed > 0 || losses.length > 0 || stale > 0 || Object.values(waits).some((ms) => ms > flowLimitMs);
}
