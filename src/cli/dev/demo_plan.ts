/** The demo's workloads, as data: the bookshop's services in their versions, and the gateway in front of them. */
import type { RunGateway, RunSidecar } from "../../model/run.ts";
import type { PortName, Ports } from "./plan.ts";

export interface AppPlan {
  /** SERVICE-VERSION */
  readonly name: string;
  readonly service: string;
  readonly version: string;
  /** Where the app listens, on loopback. */
  readonly port: number;
}

const services = [
  ["productpage", "v1"],
  ["details", "v1"],
  ["reviews", "v1"],
  ["reviews", "v2"],
  ["reviews", "v3"],
  ["ratings", "v1"],
] as const;

/** The services' port, as users of the example know it. */
const servicePort = 9080;
const namespace = "default";
export const ingressName = "ingress";
export const ingressPort = 80;

export function appPlans(ports: Ports): readonly AppPlan[] {
  return services.map(([service, version]) => {
    const name = `${service}-${version}`;
    return { name, service, version, port: ports[`app-${name}` as PortName] };
  });
}

/** Sessions have fixed names: those of a `dev` that was killed are resumed rather than met as strangers. */
export function sidecarRequest({ name, service, version, port }: AppPlan): RunSidecar {
  return {
    role: "sidecar",
    session: `demo-${name}-${port}`,
    namespace,
    service,
    name,
    serviceAccount: `bookinfo-${service}`,
    labels: { app: service, version },
    locality: "",
    ports: [{ name: "http", port: servicePort, appPort: port }],
    upstreams: [],
  };
}

export function ingressRequest(ports: Ports): RunGateway {
  return {
    role: "gateway",
    session: `demo-${ingressName}-${ports.ingress}`,
    namespace,
    name: ingressName,
    serviceAccount: "default",
    labels: { istio: "ingressgateway" },
    locality: "",
    eastWest: false,
    ports: [{ port: ingressPort, hostPort: ports.ingress }],
  };
}
