/** Services by the API, with endpoints that nobody listens on. */
import type { Api } from "./api.ts";

/** Of `service`'s endpoints `first`, if given, is the address of the first. */
export function endpointsOf(service: number, count: number, first?: string): Record<string, unknown> {
  return {
    ports: [{ name: "http", port: 80, protocol: "http" }],
    endpoints: Array.from({ length: count }, (_, i) => ({
      id: `e${i}`,
      address: (i === 0 && first) || `10.${(service >> 8) + 1}.${service & 255}.${i + 1}`,
      ports: { http: 8080 },
    })),
  };
}

/** What a load program fills in: MARK, SERVICE and NET. */
export const churnPath = "/v1/endpoints/default/svc-SERVICE";

export function churnEndpoints(count: number): Record<string, unknown> {
  const address = (i: number): string => (i === 0 ? "MARK" : `10.NET.${i + 1}`);
  return {
    ports: [{ name: "http", port: 80, protocol: "http" }],
    endpoints: Array.from({ length: count }, (_, i) => ({ id: `e${i}`, address: address(i), ports: { http: 8080 } })),
  };
}

export const pathOf = (service: number): string => `/v1/endpoints/default/svc-${service}`;

/** @returns seconds. */
export async function declareServices(
  api: Api,
  at: string,
  { services, endpoints }: { readonly services: number; readonly endpoints: number },
): Promise<number> {
  const startMs = performance.now();
  let next = 0;
  const writer = async (): Promise<void> => {
    for (let service = next++; service < services; service = next++) {
      await api.call("PUT", `${at}${pathOf(service)}`, endpointsOf(service, endpoints));
    }
  };
  await Promise.all(Array.from({ length: 32 }, writer));
  return (performance.now() - startMs) / 1000;
}
