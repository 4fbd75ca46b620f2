/** Services by the API, with endpoints that nobody listens on. */
import { rootNamespace } from "../../src/model/names.ts";
import type { Api } from "./api.ts";

const ports = [{ name: "http", port: 80, protocol: "http" }];
/** As endpoints of the mesh have it, so that their clusters carry mTLS. */
const labels = { "security.mesh.io/tlsMode": "mesh" };

function endpoint(number: number, address: string, serviceAccount: string): object {
  return { id: `e${number}`, address, ports: { http: 8080 }, labels, serviceAccount };
}

export interface Endpoints {
  readonly count: number;
  /** Over which they are spread; absent: none. */
  readonly localities?: number;
  /** Address of the first. */
  readonly first?: string;
}

export function endpointsOf(service: number, { count, localities, first }: Endpoints): Record<string, unknown> {
  const address = (i: number): string => (i === 0 && first) || `10.${(service >> 8) + 1}.${service & 255}.${i + 1}`;
  const endpoints = Array.from({ length: count }, (_, i) => ({
    ...endpoint(i, address(i), `svc-${service}`),
    ...(localities && { locality: `region-${i % localities}/zone` }),
  }));
  return { ports, endpoints };
}

/** What a load program fills in: MARK, SERVICE and NET. */
export const churnPath = "/v1/endpoints/default/svc-SERVICE";

export function churnEndpoints(count: number): Record<string, unknown> {
  const address = (i: number): string => (i === 0 ? "MARK" : `10.NET.${i + 1}`);
  return { ports, endpoints: Array.from({ length: count }, (_, i) => endpoint(i, address(i), "svc-SERVICE")) };
}

/** Limits and ejection for all services, as a mesh has them that is looked after. */
const everybodysRule = {
  apiVersion: "networking.istio.io/v1",
  kind: "DestinationRule",
  metadata: { name: "everybody", namespace: rootNamespace },
  spec: {
    host: "*.default.svc.cluster.local",
    trafficPolicy: {
      connectionPool: { tcp: { maxConnections: 1_024 }, http: { http1MaxPendingRequests: 1_024 } },
      outlierDetection: { consecutive5xxErrors: 5, interval: "10s", baseEjectionTime: "30s", maxEjectionPercent: 50 },
    },
  },
};

export const pathOf = (service: number): string => `/v1/endpoints/default/svc-${service}`;

export interface Declared {
  readonly services: number;
  /** Of each. */
  readonly endpoints: number;
  readonly localities?: number;
}

/** @returns seconds. */
export async function declareServices(
  api: Api,
  at: string,
  { services, endpoints, localities }: Declared,
): Promise<number> {
  const startMs = performance.now();
  await api.call("POST", `${at}/v1/apply`, { apiVersion: "v1", kind: "List", items: [everybodysRule] });
  let next = 0;
  const writer = async (): Promise<void> => {
    for (let service = next++; service < services; service = next++) {
      const body = endpointsOf(service, { count: endpoints, ...(localities && { localities }) });
      await api.call("PUT", `${at}${pathOf(service)}`, body);
    }
  };
  await Promise.all(Array.from({ length: 32 }, writer));
  return (performance.now() - startMs) / 1000;
}
