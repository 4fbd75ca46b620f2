/**
 * Names. Two strings of different meaning are two types; the parsers here (and in resources/) are the only makers.
 */
declare const brand: unique symbol;
export type Branded<Kind extends string> = string & { readonly [brand]: Kind };

/** A namespace: a DNS label. */
export type Namespace = Branded<"namespace">;
/** A fully qualified, lower-case host name: reviews.default.svc.cluster.local, or *.example.com */
export type Host = Branded<"host">;
/** NAME.NS, the name of a workload record and of its proxy. */
export type WorkloadName = Branded<"workload">;
/** region/zone; either part may be empty. */
export type Locality = Branded<"locality">;
/** incarnation-sequence of the durable stream; comparable only within one incarnation. */
export type Revision = Branded<"revision">;

export const defaultNamespace = "default" as Namespace;
export const rootNamespace = "mesh-system" as Namespace;
/** Istio's name for the root namespace; accepted, with a warning. */
export const istioRootNamespace = "istio-system";
export const meshDomain = "svc.cluster.local";

const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

export function isDnsLabel(text: string): boolean {
  return dnsLabel.test(text);
}

export function namespaceFrom(text: string): Namespace | undefined {
  return isDnsLabel(text) ? (text as Namespace) : undefined;
}

/** A full host name in lower case, which is no address and no pattern. */
export function hostFrom(text: string): Host | undefined {
  const labels = text.split(".");
  const good = text.length <= 253 && labels.every(isDnsLabel) && !/^\d+$/.test(labels.at(-1) ?? "");
  return good ? (text as Host) : undefined;
}

/** A service of the mesh: its name in its namespace. */
export interface ServiceRef {
  readonly namespace: Namespace;
  readonly name: string;
}

/** The key under which a service is found in maps: ns/name. */
export function serviceKey(ref: ServiceRef): string {
  return `${ref.namespace}/${ref.name}`;
}

export function serviceHost(ref: ServiceRef): Host {
  return `${ref.name}.${ref.namespace}.${meshDomain}` as Host;
}

/** The service that a fully qualified host of the mesh domain names; undefined for any other host. */
export function serviceOfHost(host: Host): ServiceRef | undefined {
  if (!host.endsWith(`.${meshDomain}`)) return undefined;
  const [name, namespace, ...rest] = host.slice(0, -meshDomain.length - 1).split(".");
  if (!name || !namespace || rest.length > 0 || name === "*") return undefined;
  return { name, namespace: namespace as Namespace };
}

/**
 * The host that a user's word in an object of `namespace` means, as Istio reads it: a word without a dot is a service
 * of the object's own namespace, NAME.NS.svc is completed, anything else is taken as a full name.
 */
export function resolveHost(word: string, namespace: Namespace): Host {
  const lower = word.toLowerCase();
  if (lower === "*" || lower.startsWith("*.")) return lower as Host;
  const parts = lower.split(".");
  if (parts.length === 1) return `${lower}.${namespace}.${meshDomain}` as Host;
  if (lower.endsWith(`.${meshDomain}`)) return lower as Host;
  if (parts.length === 3 && parts[2] === "svc") return `${lower}.cluster.local` as Host;
  return lower as Host;
}

export function workloadName(name: string, namespace: Namespace): WorkloadName {
  return `${name}.${namespace}` as WorkloadName;
}

export function namespaceOfWorkload(name: WorkloadName): Namespace {
  return name.slice(name.lastIndexOf(".") + 1) as Namespace;
}
