// An endpoint to which two other hosts cannot connect is unhealthy for everybody, before its host is taken for silent. Where the
// nearest endpoint is that one, callers' own ejections bridge the time until then, and the verdict holds when they end.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Topology } from "../../src/telemetry/topology.ts";
import { AgentProcess } from "../support/agent_process.ts";
import { startHttpEcho } from "../support/echo.ts";
import { LiveObjects } from "../support/live_objects.ts";
import { Mesh } from "../support/mesh.ts";
import { MeshctlRun } from "../support/meshctl_run.ts";
import { PhasedLoad } from "../support/phased_load.ts";
import { countBy, sendMany } from "../support/requests.ts";
import { ClusterStatistics } from "../support/statistics.ts";
import { until } from "../support/until.ts";

/** It is ejected after more failures than a host's word takes, and for longer than two hosts take to report them. */
const nearest = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: zoned}
spec:
  host: zoned
  trafficPolicy:
    loadBalancer: {localityLbSetting: {enabled: true}}
    outlierDetection: {consecutive5xxErrors: 10, interval: 500ms, baseEjectionTime: 8s, maxEjectionPercent: 100}
`;

test("an endpoint that two hosts cannot reach is unhealthy; its own agent cannot say so any more", async (t) => {
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
  const far = ["run", "--service", "zoned", "--locality", "us/a", "--port", `http:80:${echo.port}`];
  const near = ["run", "--service", "client", "--locality", "eu/a"];
  const runs = [...["web-a", "web-b"].map((name) => [...web, name]), near, far].map(
    (args) => new MeshctlRun(mesh, args),
  );
  try {
    const [, , client] = await Promise.all(runs.map((run) => run.ready()));
    const [victim, observer] = [await join("host-a"), await join("host-b")];
    const ports = [{ name: "http", port: 80, appPort: echo.port }];
    await victim.run({ session: "web-c", name: "web-c", service: "web", ports }).ready();
    await victim.run({ session: "near", service: "zoned", locality: "eu/a", ports }).ready();
    const other = await observer.run({ session: "other", service: "other", locality: "eu/a", ports: [] }).ready();
    const callers = [client?.outbound ?? "", other.outbound ?? ""];
    const load = () => Promise.all(callers.map((via) => sendMany({ via, host: "web" }, 30, 10)));
    await new LiveObjects(mesh).replace(nearest);
    const zoned = callers.map((via) => new PhasedLoad({ via, host: "zoned", perSecond: 50, phase: "before" }));
    const enter = (phase: string) => Promise.all(zoned.map((one) => one.enter(phase).answered(20)));
    t.after(() => Promise.all(zoned.map((one) => one.stop())));
    await enter("well");
    // What failed before a node had heard of an Envoy at all says nothing to it.
    await until(async () => {
      const { edges } = (await (await mesh.api("/v1/topology")).json()) as Topology;
      return edges.filter(({ toService, requests }) => toService === "zoned" && requests > 0).length === callers.length;
    }, "a node has heard of both callers");

    const { workloads } = await victim.status();
    victim.child.kill("SIGSTOP");
    for (const { envoyPid } of workloads) process.kill(envoyPid ?? assert.fail("no Envoy"), "SIGKILL");
    const ejected = (count: number) => async (): Promise<boolean> => {
      const counts = [client, other].map((one) => new ClusterStatistics(one ?? assert.fail(), "zoned").ejected());
      return (await Promise.all(counts)).every((one) => one === count);
    };
    await until(ejected(1), "both callers have ejected what they cannot reach");
    await enter("ejected");
    await until(async () => {
      await load();
      return (await healthsIn("web", client?.admin)).includes("UNHEALTHY");
    }, "a verdict on web");
    await until(async () => (await healthsIn("zoned", client?.admin)).includes("UNHEALTHY"), "a verdict on zoned");
    await enter("judged");
    await until(ejected(0), "the ejections are over");
    await enter("judged, not ejected");
    for (const one of zoned) {
      const { before, well, ...after } = await one.stop();
      const failed = Object.values(after).map((phase) => phase.failed);
      assert.deepEqual(failed, [0, 0, 0], JSON.stringify(after));
      t.diagnostic(
        `${(before?.failed ?? 0) + (well?.failed ?? 0)} failed before the ejection, 0 of ${JSON.stringify(after)}`,
      );
    }

    assert.deepEqual((await healthsIn("web", other.admin)).sort(), ["HEALTHY", "HEALTHY", "UNHEALTHY"]);
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

/** Of the service's endpoints, as the Envoy has them from the mesh. */
async function healthsIn(service: string, admin: string | undefined): Promise<string[]> {
  const page = (await (await fetch(`http://${admin}/clusters?format=json`)).json()) as { cluster_statuses: Status[] };
  const cluster = page.cluster_statuses.find(
    ({ name }) => name === `outbound|80||${service}.default.svc.cluster.local`,
  );
  return (cluster?.host_statuses ?? []).map(({ health_status: one }) => one.eds_health_status ?? "");
}
