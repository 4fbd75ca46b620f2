/** The mesh that the request table speaks of. */
export interface WorldService {
  readonly service: string;
  readonly namespace: "default" | "other";
  readonly versions: readonly string[];
  /** NAME:PORT, or NAME:PORT:PROTOCOL of what is registered through the API; all lead to the same application. */
  readonly ports: readonly string[];
  /** Absent: HTTP/1.1. "any": HTTP/2 and TCP too, on one port. */
  readonly speaks?: "grpc" | "any";
  /** Through the endpoints API, without a proxy. Absent: by a workload with its sidecar. */
  readonly registered?: "endpoints";
}

export const worldServices: readonly WorldService[] = [
  { service: "reviews", namespace: "default", versions: ["v1", "v2", "v3"], ports: ["http:9080"] },
  { service: "ratings", namespace: "default", versions: ["v1"], ports: ["http:9080"] },
  { service: "cart", namespace: "default", versions: ["v1"], ports: ["http:9080"] },
  { service: "shop", namespace: "default", versions: ["v1"], ports: ["http:80", "http-admin:8080"] },
  { service: "ratings", namespace: "other", versions: ["v1"], ports: ["http:9080"] },
  { service: "orders", namespace: "default", versions: ["v1", "v2"], ports: ["grpc:7070"], speaks: "grpc" },
  {
    service: "anything",
    namespace: "default",
    versions: ["v1"],
    // web says nothing of what it carries.
    ports: ["http-one:81", "http2-two:82", "grpc-three:83", "web:84", "tcp-five:85", "mongo-db:86"],
    speaks: "any",
  },
  {
    service: "declared",
    namespace: "default",
    versions: ["v1"],
    ports: ["http:80:HTTP2", "grpc-web:81:http", "web:82:GRPC", "http2-by-name:83", "web-two:84"],
    speaks: "any",
    registered: "endpoints",
  },
];

/**
 * Who asks: `client` is of namespace default, `stranger` of `other`; the gateway is asked from outside. `outside` has no
 * proxy: it connects to the port of the workload itself, in plaintext.
 */
export type Caller = "client" | "stranger" | "gateway" | "outside";

/** SERVICE:PORT that the client's connections of TCP may go to. */
export const upstreams: readonly string[] = ["anything:81", "anything:84", "anything:85", "anything:86"];

/** With the application's port in place of APP_PORT_OF_SERVICE. */
export function withAppPorts(given: string, portOf: (service: string) => number): string {
  return given.replace(/APP_PORT_OF_([a-z]+)/g, (_, service: string) => String(portOf(service)));
}

/** Gateway objects select it by `istio: ingressgateway`. */
export const gatewayPort = 80;

/** What an answer's `by` is: reviews v1; ratings.other v1. */
export function nameOfVersion({ service, namespace }: WorldService, version: string): string {
  return `${service}${namespace === "default" ? "" : `.${namespace}`} ${version}`;
}

/** `reviews` means any version of it. */
export function answersTo(wanted: string, by: string): boolean {
  return by === wanted || by.startsWith(`${wanted} `);
}

/** Holds in every case. */
export const standing = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews-versions}
spec:
  host: reviews
  subsets:
    - {name: v1, labels: {version: v1}}
    - {name: v2, labels: {version: v2}}
    - {name: v3, labels: {version: v3}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: orders-versions}
spec:
  host: orders
  subsets:
    - {name: v1, labels: {version: v1}}
    - {name: v2, labels: {version: v2}}
`;
