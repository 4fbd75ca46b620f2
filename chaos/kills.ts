/**
 * The demo under load while its parts are killed, frozen and cut off, one after the other: failed requests, and how long
 * until a changed route and a changed endpoint have reached every proxy, and until a new workload serves.
 *
 *   npm run chaos -- kills [--rounds 3] [--rate 40] [--only TEXT] [--json]
 *
 * Exit 1 when a fault that must cost nothing cost a request, or configuration flowed later than 10 s.
 */
import { parseArgs } from "node:util";
import { ConfigurationFlow } from "../test/support/configuration_flow.ts";
import { ControlConnections } from "../test/support/control_connections.ts";
import { endsWithUs } from "../test/support/ends_with_us.ts";
import { cutOf, type Fault, type FaultReport, freezeOf, killOf, silenceOf, strike } from "../test/support/fault.ts";
import { Mesh } from "../test/support/mesh.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    rate: { type: "string", default: "40" },
    only: { type: "string", default: "" },
    json: { type: "boolean", default: false },
  },
});
const flowLimitMs = 10_000;

interface Planned {
  readonly fault: Fault;
  /** Whether no request may fail. */
  readonly lossless: boolean;
}

const mesh = await Mesh.start();
endsWithUs(mesh);
const flow = await ConfigurationFlow.start(mesh);
const bench = { mesh, flow, perSecond: Number(values.rate) };
const reports: (FaultReport & { readonly lossless: boolean })[] = [];
try {
  const connections = await ControlConnections.start(mesh);
  const lossless = [
    killOf(mesh, "meshd-0"),
    killOf(mesh, "agent-0"),
    killOf(mesh, "nats-0"),
    killOf(mesh, "meshd-0", "agent-0", "nats-0"),
    cutOf(connections, 0),
    cutOf(connections, 5_000),
    silenceOf(connections, 10_000),
    freezeOf(mesh, "meshd-0", 10_000),
    freezeOf(mesh, "nats-0", 10_000),
    freezeOf(mesh, "agent-0", 10_000),
  ];
  const costly = [killOf(mesh, "reviews-v1/envoy"), killOf(mesh, "reviews-v1")];
  const planned: readonly Planned[] = [
    ...lossless.map((fault) => ({ fault, lossless: true })),
    ...costly.map((fault) => ({ fault, lossless: false })),
  ].filter(({ fault }) => fault.name.includes(values.only));
  await flow.flows(performance.now());
  for (const { fault, lossless } of planned) {
    for (let round = 0; round < Number(values.rounds); round++) {
      const report = { ...(await strike(bench, fault)), lossless };
      reports.push(report);
      if (!values.json) print(report);
    }
  }
  await connections.stop();
} finally {
  await flow.close();
  await mesh.remove();
}
if (values.json) console.log(JSON.stringify(reports));
const bad = reports.filter(isBad);
if (bad.length > 0) process.exitCode = 1;

function isBad({ lossless, failed, stale, ...times }: (typeof reports)[number]): boolean {
  const late = [times.routesMs, times.endpointsMs, times.newcomerMs].some((ms) => ms > flowLimitMs);
  return (lossless && failed > 0) || stale > 0 || late;
}

function print(report: (typeof reports)[number]): void {
  const { fault, failed, sent, slowestMs, routesMs, endpointsMs, newcomerMs, stale, reasons } = report;
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`.padStart(8);
  const cells = [
    isBad(report) ? "✖" : "✔",
    fault.padEnd(38),
    `failed ${failed} of ${sent}`.padEnd(20),
    `routes flow ${seconds(routesMs)}`,
    `endpoints ${seconds(endpointsMs)}`,
    `new workload ${seconds(newcomerMs)}`,
    `slowest request ${seconds(slowestMs)}`,
    stale > 0 ? `stale ${stale}` : "",
    failed > 0 ? JSON.stringify(reasons) : "",
  ];
  console.log(cells.join("  ").trimEnd());
}
