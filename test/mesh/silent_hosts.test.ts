// A host that nobody hears any more: its endpoints leave what callers are told, and are back when it speaks. A crashed
// agent costs nothing while its proxies serve, and when all hosts are silent nothing is withheld.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { AgentProcess, type RunClient } from "../support/agent_process.ts";
import { type Echo, startHttpEcho } from "../support/echo.ts";
import { Mesh } from "../support/mesh.ts";
import { MeshctlRun, type RunReadyLine } from "../support/meshctl_run.ts";
import { countBy, sendMany } from "../support/requests.ts";

/** The shortest that may be asked for; the grace is two more. */
const leaseS = 4;
const dueMs = leaseS * 3_000;
/** A look, the nodes' answers, a turn, a push; and this machine may be busy. */
const slackMs = 10_000;
const pollMs = 100;

interface Check {
  readonly part: string;
  readonly state: string;
  readonly message: string;
}

describe("silent hosts", () => {
  let mesh: Mesh;
  let echo: Echo;
  let other: AgentProcess;
  let here: readonly MeshctlRun[];
  let ready: readonly RunReadyLine[];

  before(async () => {
    echo = await startHttpEcho();
    mesh = await Mesh.start({ demo: false, args: ["--nodes", "3"], environment: { WEFT_HOST_LEASE_S: `${leaseS}` } });
    const run = (name: string, ...args: readonly string[]) => new MeshctlRun(mesh, ["run", "--name", name, ...args]);
    here = [run("web-a", "--service", "web", "--port", `http:80:${echo.port}`), run("client", "--service", "client")];
    ready = await Promise.all(here.map((one) => one.ready()));
    const made = await mesh.meshctl(["token", "create", "-o", "json"]);
    other = await AgentProcess.start(JSON.parse(made.stdout));
    await webB().ready();
    await until(async () => (await endpoints()) === 2, slackMs);
  });

  after(async () => {
    await other?.clean();
    await Promise.all((here ?? []).map((run) => run.stop()));
    await mesh?.remove();
    echo?.close();
  });

  /** The workload of the other host: its session, begun or resumed. */
  function webB(): RunClient {
    const port = { name: "http", port: 80, appPort: echo.port };
    return other.run({ session: "web-b", name: "web-b", service: "web", ports: [port] });
  }

  async function until(holds: () => Promise<boolean>, limitMs: number): Promise<number> {
    const sinceMs = performance.now();
    while (!(await holds())) {
      assert.ok(performance.now() - sinceMs < limitMs, `not within ${limitMs} ms`);
      await wait(pollMs);
    }
    return Math.round(performance.now() - sinceMs);
  }

  /** How many of `web` the caller's Envoy has. */
  async function endpoints(): Promise<number> {
    const page = await (await fetch(`http://${ready[1]?.admin}/clusters?format=json`)).json();
    const { cluster_statuses: clusters } = page as { cluster_statuses: { name: string; host_statuses?: unknown[] }[] };
    const web = clusters.find(({ name }) => name === "outbound|80||web.default.svc.cluster.local");
    return web?.host_statuses?.length ?? 0;
  }

  /** How many of them the mesh would tell it. */
  async function told(): Promise<number> {
    const { stdout } = await mesh.meshctl(["proxy-config", "endpoint", "client", "-o", "json"]);
    const assignments: { clusterName: string; endpoints?: { lbEndpoints?: unknown[] }[] }[] = JSON.parse(stdout);
    const web = assignments.find(({ clusterName }) => clusterName.includes("|web.default."));
    return (web?.endpoints ?? []).flatMap(({ lbEndpoints = [] }) => lbEndpoints).length;
  }

  async function findings(): Promise<readonly Check[]> {
    return (await mesh.api("/v1/check")).json() as Promise<readonly Check[]>;
  }

  /** Of requests from the caller to the service, by status. */
  async function answers(): Promise<Readonly<Record<string, number>>> {
    const sent = await sendMany({ via: ready[1]?.outbound ?? "", host: "web" }, 40);
    return countBy(sent, ({ status }) => String(status));
  }

  const signal = (pids: readonly (number | undefined)[], name: NodeJS.Signals): void => {
    for (const pid of pids) process.kill(pid ?? assert.fail("no pid"), name);
  };
  const agentSpeaks = async (): Promise<boolean> =>
    (await findings()).some(({ part, state }) => part === "agent of host-a" && state === "good");
  const kill = (pid: number | null | undefined): void => void process.kill(pid ?? assert.fail("no pid"), "SIGKILL");

  test("kill -9 of the agent alone costs nothing: its proxy serves", async () => {
    const { workloads } = await other.status();
    await other.kill9();

    const untilMs = performance.now() + dueMs + slackMs / 2;
    while (performance.now() < untilMs) {
      assert.equal(await endpoints(), 2);
      await wait(pollMs * 5);
    }
    assert.deepEqual(await answers(), { 200: 40 });

    kill(workloads[0]?.envoyPid);
    await until(async () => (await endpoints()) === 1, leaseS * 1_000 + slackMs);
    assert.deepEqual(await answers(), { 200: 40 });
    assert.match(
      (await findings()).find(({ part }) => part === "host host-a")?.message ?? "",
      /no node hears it; its endpoints are withheld since/,
    );
  });

  test("it is back as soon as its agent is", async () => {
    await other.startAgain();
    const session = webB();

    await until(async () => (await endpoints()) === 2, slackMs);

    await session.ready();
    assert.equal(
      (await findings()).find(({ part }) => part === "host host-a"),
      undefined,
    );
    await until(agentSpeaks, slackMs);
  });

  test("kill -9 of the agent and its Envoys: its endpoints leave in lease and grace", async (t) => {
    const { workloads } = await other.status();
    await other.kill9();
    kill(workloads[0]?.envoyPid);

    const goneMs = await until(async () => (await endpoints()) === 1, dueMs + slackMs);

    assert.ok(goneMs > dueMs - 4_000, `${goneMs} ms`);
    await other.startAgain();
    const session = webB();
    const backMs = await until(async () => (await endpoints()) === 2, slackMs);
    await session.ready();
    await until(agentSpeaks, slackMs);
    t.diagnostic(`withheld after ${goneMs} ms, back ${backMs} ms after the agent`);
  });

  test("all hosts silent at once: nothing is withheld, it is said, and ends by itself", async () => {
    const agents = [other.child.pid, ...mesh.ready.agents.map(({ name }) => mesh.pidOf(name))];
    const { workloads } = await other.status();
    signal(agents, "SIGSTOP");
    try {
      for (const pid of [workloads[0]?.envoyPid, ...ready.map(({ pids }) => pids.envoy)]) kill(pid);

      await until(async () => (await findings()).some(({ part }) => part === "hosts"), dueMs + slackMs);

      const finding = (await findings()).find(({ part }) => part === "hosts");
      assert.match(finding?.message ?? "", /^2 of 2 are silent together; nothing is withheld/);
      assert.equal(await told(), 2);
    } finally {
      signal(agents, "SIGCONT");
    }
    await until(async () => !(await findings()).some(({ part }) => part === "hosts"), slackMs);
    assert.equal(await told(), 2);
  });
});
