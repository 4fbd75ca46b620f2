/**
 * A mesh of many teams: routes, traffic policies and access policies, each in its own namespace; fifty namespaces that see a
 * part of the mesh alone.
 */
import { limits } from "../../src/platform/limits.ts";
import type { OurNode } from "./our_node.ts";

export const mixedNamespaces = 200;
export const mixedLocalities = 5;
const routes = 100;
const policies = 100;
const sidecars = 50;
/** Of the thousand, each Sidecar shows a hundred services, and the one that the changes are of. */
const seenBySidecar = 100;

const hostOf = (service: number): string => `svc-${service}.default.svc.cluster.local`;
const namespaceOf = (number: number): string => `ns-${number % mixedNamespaces}`;

function route(number: number): object {
  const host = hostOf(number);
  const metadata = { name: `route-${number}`, namespace: namespaceOf(number) };
  if (number % 2 === 1) {
    const trafficPolicy = {
      loadBalancer: { simple: "LEAST_REQUEST" },
      connectionPool: { http: { http1MaxPendingRequests: 100 } },
    };
    return { apiVersion: "networking.istio.io/v1", kind: "DestinationRule", metadata, spec: { host, trafficPolicy } };
  }
  const http = [
    {
      match: [{ headers: { "x-user": { exact: `u${number}` } } }],
      route: [{ destination: { host: hostOf(number + 1) } }],
    },
    { route: [{ destination: { host } }], timeout: "5s" },
  ];
  return { apiVersion: "networking.istio.io/v1", kind: "VirtualService", metadata, spec: { hosts: [host], http } };
}

function policy(number: number): object {
  const metadata = { name: `policy-${number}`, namespace: namespaceOf(number) };
  const from = [{ source: { namespaces: [namespaceOf(number + 1)] } }];
  const to = [{ operation: { methods: ["GET"], paths: [`/v${number}/*`] } }];
  const spec = { action: "ALLOW", rules: [{ from, to }] };
  return { apiVersion: "security.istio.io/v1", kind: "AuthorizationPolicy", metadata, spec };
}

/** Every fourth namespace has one. */
function sidecar(number: number): object {
  const first = number * 10;
  const seen = Array.from({ length: seenBySidecar }, (_, i) => `*/${hostOf((first + i) % 1_000)}`);
  const metadata = { name: "default", namespace: namespaceOf(number * 4) };
  const spec = { egress: [{ hosts: [`*/${hostOf(0)}`, ...seen] }] };
  return { apiVersion: "networking.istio.io/v1", kind: "Sidecar", metadata, spec };
}

export async function declareMixed({ api, calls }: OurNode): Promise<void> {
  const items = [
    ...Array.from({ length: routes }, (_, i) => route(i)),
    ...Array.from({ length: policies }, (_, i) => policy(i)),
    ...Array.from({ length: sidecars }, (_, i) => sidecar(i)),
  ];
  const at = Math.floor(limits.applyDocuments / 4);
  for (let from = 0; from < items.length; from += at) {
    await calls.call("POST", `${api}/v1/apply`, {
      apiVersion: "v1",
      kind: "List",
      items: items.slice(from, from + at),
    });
  }
}
