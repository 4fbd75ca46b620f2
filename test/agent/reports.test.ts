// Envoy's admin pages → what a node is told.

import assert from "node:assert/strict";
import { test } from "node:test";
import { discoveryResponse } from "../../src/agent/envoy/xds_addresses.ts";
import { edgesIn, reportedStatistics, reportFrom } from "../../src/agent/reports.ts";
import { defaultNamespace, type Locality } from "../../src/model/names.ts";
import type { SidecarWorkload } from "../../src/model/workload.ts";
import { limits } from "../../src/platform/limits.ts";

const workload: SidecarWorkload = {
  ...{ role: "sidecar", name: "a", namespace: defaultNamespace, serviceAccount: "default", labels: {}, network: "" },
  ...{ locality: "" as Locality, host: "h", service: { namespace: defaultNamespace, name: "a" }, upstreams: [] },
  outbound: { address: "127.0.0.1", port: 15_001 },
  inbound: [{ name: "http", port: 80, appPort: 80, protocol: "http", listen: { address: "127.0.0.1", port: 15_002 } }],
};

const cluster = "outbound|80||b.default.svc.cluster.local";
const host = (port: number, counts: Readonly<Record<string, number>>) => ({
  address: { socket_address: { address: "127.0.0.1", port_value: port } },
  stats: Object.entries(counts).map(([name, value]) => ({ name, value })),
});

const statistics = new Map([
  [`cluster.${cluster}.upstream_cx_total`, 5],
  [`cluster.${cluster}.upstream_cx_connect_fail`, 2],
  [`cluster.${cluster}.ssl.handshake`, 3],
  ["cluster_manager.warming_clusters", 1],
  ["listener_manager.total_listeners_warming", 2],
  ["listener.127.0.0.1_15002.http.inbound.downstream_rq_completed", 40],
  ["listener.127.0.0.1_15002.http.inbound.downstream_rq_5xx", 4],
  ["listener.127.0.0.1_15001.http.outbound.downstream_rq_completed", 900],
  ["http.inbound.rbac.denied", 6],
  ["http.inbound.rbac.policy.denied", 1],
  ["http.inbound.rbac.shadow_denied", 100],
]);

test("edges with traffic, handshakes beside connections, inbound apart from outbound", () => {
  const clusters = {
    cluster_statuses: [
      {
        name: cluster,
        host_statuses: [
          host(9001, { rq_total: 10, rq_error: 1, cx_active: 2, cx_total: 4, cx_connect_fail: 1 }),
          host(9002, {}),
        ],
      },
      { name: "xds-meshd", host_statuses: [host(9003, { rq_total: 1 })] },
    ],
  };
  const report = reportFrom({
    ...{ workload, name: "a.default", pid: 7, starts: 1, svidSerial: "0a", secrets: {} },
    ...{ clusters, statistics },
  });
  assert.deepEqual(report, {
    workload: "a.default",
    envoyPid: 7,
    envoyStarts: 1,
    warming: 3,
    svidSerial: "0a",
    secrets: {},
    edges: [
      {
        cluster,
        endpoint: "127.0.0.1:9001",
        requests: 10,
        errors: 1,
        activeConnections: 2,
        connections: 4,
        connectFailures: 1,
      },
    ],
    handshakes: { [cluster]: { tls: 3, connections: 3 } },
    inbound: { requests: 40, errors5xx: 4, denied: 7 },
  });
});

test("of too many edges those with most requests are told: a node would refuse them all", () => {
  const hosts = Array.from({ length: limits.edgesPerProxy + 10 }, (_, i) => host(i + 1, { rq_total: i + 1 }));
  const { edges } = reportFrom({
    ...{ workload, name: "a.default", pid: 7, starts: 1, svidSerial: undefined, secrets: {}, statistics },
    clusters: { cluster_statuses: [{ name: cluster, host_statuses: hosts }] },
  });
  assert.equal(edges.length, limits.edgesPerProxy);
  assert.equal(Math.min(...edges.map(({ requests }) => requests)), 11);
});

test("the filter that Envoy is asked with lets every statistic of the report through", () => {
  const filter = new RegExp(reportedStatistics);
  for (const name of statistics.keys()) assert.match(name, filter);
  assert.doesNotMatch("cluster.outbound|80||b.ssl.handshake_time", filter);
});

test("nodes' addresses as an EDS file: its version follows its content, IPv6 and port 443 included", () => {
  const parsed = (...addresses: readonly string[]) => JSON.parse(discoveryResponse(addresses));
  const [first, second] = parsed("[::1]:443", "127.0.0.1:15010").resources[0].endpoints[0].lb_endpoints;
  assert.deepEqual(first.endpoint.address.socket_address, { address: "::1", port_value: 443 });
  assert.deepEqual(second.endpoint.address.socket_address, { address: "127.0.0.1", port_value: 15_010 });
  assert.equal(parsed("127.0.0.1:1").version_info, parsed("127.0.0.1:1").version_info);
  assert.notEqual(parsed("127.0.0.1:1").version_info, parsed("127.0.0.1:2").version_info);
});

test("an endpoint to which connections only fail is told, though it never had a request", () => {
  const clusters = {
    cluster_statuses: [{ name: cluster, host_statuses: [host(9001, { cx_total: 3, cx_connect_fail: 3 })] }],
  };

  const [edge] = edgesIn(clusters);

  assert.deepEqual([edge?.endpoint, edge?.connections, edge?.connectFailures], ["127.0.0.1:9001", 3, 3]);
});
