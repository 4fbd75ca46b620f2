// An endpoint to which two other hosts cannot connect is unhealthy for everybody, before its host is taken for silent.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { AgentProcess } from "../support/agent_process.ts";
import { startHttpEcho } from "../support/echo.ts";
import { Mesh } from "../support/mesh.ts";
import { MeshctlRun } from "../support/meshctl_run.ts";
import { countBy, sendMany } from "../support/requests.ts";

const patienceMs = 25_000;

test("an endpoint that two hosts cannot reach is unhealthy; its own agent cannot say so any more", async () => {
  const echo = await startHttpEcho();
  const mesh = await Mesh.start({ demo: false });
  const agents: AgentProcess[] = [];
  const join = async (hostName: string): Promise<AgentProcess> => {
    const made = await mesh.meshctl(["token", "create", "-o", "json"]);
    const agent = await AgentProcess.start(JSON.parse(made.stdout), hostName);
    agents.push(agent);
    return agent;
  };
  const web = ["run", "--service", "web", "--port", `http:80:${echo.port}`, "--name"];
  const runs = [...["web-a", "web-b"].map((name) => [...web, name]), ["run", "--service", "client"]].map(
    (args) => new MeshctlRun(mesh, args),
  );
  try {
    const [, , client] = await Promise.all(runs.map((run) => run.ready()));
    const [victim, observer] = [await join("host-a"), await join("host-b")];
    const ports = [{ name: "http", port: 80, appPort: echo.port }];
    await victim.run({ session: "web-c", name: "web-c", service: "web", ports }).ready();
    const other = await observer.run({ session: "other", service: "other", ports: [] }).ready();
    const callers = [client?.outbound ?? "", other.outbound ?? ""];
    const load = () => Promise.all(callers.map((via) => sendMany({ via, host: "web" }, 30, 10)));
    const waited = await mesh.meshctl(["wait", "--for=distributed"]);
    assert.equal(waited.code, 0, waited.stderr);

    const { workloads } = await victim.status();
    victim.child.kill("SIGSTOP");
    process.kill(workloads[0]?.envoyPid ?? assert.fail("no Envoy"), "SIGKILL");
    const sinceMs = performance.now();
    while (!(await healthsIn(client?.admin)).includes("UNHEALTHY")) {
      assert.ok(performance.now() - sinceMs < patienceMs, "no verdict in time");
      await load();
      await wait(200);
    }

    assert.deepEqual((await healthsIn(other.admin)).sort(), ["HEALTHY", "HEALTHY", "UNHEALTHY"]);
    const answers = (await load()).flat();
    assert.deepEqual(
      countBy(answers, ({ status }) => String(status)),
      { 200: 60 },
    );
    const check = await mesh.meshctl(["check"]);
    assert.match(check.stdout, /service default\/web.*other hosts cannot reach/);
  } finally {
    for (const agent of agents) agent.child.kill("SIGCONT");
    await Promise.all([...agents.map((agent) => agent.clean()), ...runs.map((run) => run.stop())]);
    await mesh.remove();
    echo.close();
  }
});

interface Status {
  readonly name: string;
  readonly host_statuses?: readonly { readonly health_status: { readonly eds_health_status?: string } }[];
}

/** Of the endpoints of `web`, as the Envoy has them from the mesh. */
async function healthsIn(admin: string | undefined): Promise<string[]> {
  const page = (await (await fetch(`http://${admin}/clusters?format=json`)).json()) as { cluster_statuses: Status[] };
  const cluster = page.cluster_statuses.find(({ name }) => name === "outbound|80||web.default.svc.cluster.local");
  return (cluster?.host_statuses ?? []).map(({ health_status: one }) => one.eds_health_status ?? "");
}
