/** Which ports Gateway objects ask of a host's gateway workloads. Pure. */
import type { Gateway } from "../../model/gateway.ts";
import { nameOfWorkload, type Workload } from "../../model/workload.ts";

/** NAME.NS of a gateway workload → port numbers, rising. */
export function gatewayPorts(
  workloads: Iterable<Workload>,
  gateways: Iterable<Gateway>,
): Readonly<Record<string, readonly number[]>> {
  const all = [...gateways];
  const asked: Record<string, readonly number[]> = {};
  for (const workload of workloads) {
    if (workload.role !== "gateway") continue;
    const ports = all
      .filter((gateway) => selectedBy(gateway, workload))
      .flatMap(({ servers }) => servers.map(({ port }) => port.number));
    asked[nameOfWorkload(workload)] = [...new Set(ports)].sort((a, b) => a - b);
  }
  return asked;
}

export function selectedBy({ selector }: Gateway, { labels }: Workload): boolean {
  return includes(labels, selector.labels);
}

function includes(labels: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}
