/** The mesh that the request table speaks of. */
export interface WorldService {
  readonly service: string;
  readonly namespace: "default" | "other";
  readonly versions: readonly string[];
  /** NAME:PORT */
  readonly ports: readonly string[];
}

export const worldServices: readonly WorldService[] = [
  { service: "reviews", namespace: "default", versions: ["v1", "v2", "v3"], ports: ["http:9080"] },
  { service: "ratings", namespace: "default", versions: ["v1"], ports: ["http:9080"] },
  { service: "cart", namespace: "default", versions: ["v1"], ports: ["http:9080"] },
  { service: "shop", namespace: "default", versions: ["v1"], ports: ["http:80", "http-admin:8080"] },
  { service: "ratings", namespace: "other", versions: ["v1"], ports: ["http:9080"] },
];

/** Who asks: `client` is of namespace default, `stranger` of `other`; the gateway is asked from outside. */
export type Caller = "client" | "stranger" | "gateway";

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
`;
