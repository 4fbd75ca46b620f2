/** meshd's command line. A mistake is told in one line, and the process exits with 64. */
import { parseArgs } from "node:util";
import { defaultTrustDomain, type TrustDomain, trustDomainFrom } from "../model/identity.ts";
import { isDnsLabel } from "../model/names.ts";
import { type OutboundTrafficPolicy, outboundTrafficPolicies, outboundTrafficPolicyFrom } from "../model/traffic.ts";
import { limits } from "../platform/limits.ts";

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface MeshdOptions {
  readonly name: string;
  readonly cluster: string;
  readonly stateDir: string;
  readonly api: ListenAddress;
  readonly xds: ListenAddress;
  readonly agents: ListenAddress;
  /** Loopback only, for proxies without an agent. */
  readonly xdsPlaintext?: ListenAddress;
  readonly nats: readonly string[];
  /** JSON: {"user","pass","system"?: {"user","pass"}}; the system account shows that JetStream syncs before it answers. */
  readonly natsCredentialsFile: string;
  /** Whoever started NATS vouches for `sync_interval: always`; needed when the file names no system account. */
  readonly assumeNatsSynced: boolean;
  /** PEM files: who signs the nats-servers' certificates; what this node shows them. Absent: NATS without TLS. */
  readonly natsTls?: {
    readonly caFile: string;
    readonly own?: { readonly certFile: string; readonly keyFile: string };
  };
  readonly authorityKeyFile: string;
  /** Its first line is the token that callers of the API show. Absent: whoever reaches loopback may do anything. */
  readonly apiTokenFile?: string;
  readonly trustDomain: TrustDomain;
  readonly svidLifetimeMs: number;
  /** How long a host's agent may be silent before its grace begins. */
  readonly hostLeaseMs: number;
  readonly outboundTrafficPolicy: OutboundTrafficPolicy;
  readonly logLevel: string;
  /** End when standard input does: the supervisor has gone. */
  readonly endWithInput: boolean;
}

export class UsageError extends Error {}

const flags = {
  name: { type: "string", default: "meshd-0" },
  cluster: { type: "string", default: "local" },
  "state-dir": { type: "string" },
  api: { type: "string", default: "127.0.0.1:15480" },
  xds: { type: "string", default: "127.0.0.1:15481" },
  agents: { type: "string", default: "127.0.0.1:15482" },
  "xds-plaintext": { type: "string" },
  nats: { type: "string", default: "nats://127.0.0.1:4222" },
  "nats-credentials": { type: "string" },
  "nats-ca": { type: "string" },
  "nats-cert": { type: "string" },
  "nats-key": { type: "string" },
  "assume-nats-synced": { type: "boolean", default: false },
  "authority-key": { type: "string" },
  "api-token": { type: "string" },
  "trust-domain": { type: "string", default: defaultTrustDomain },
  "host-lease": { type: "string", default: String(limits.hostLeaseMs / 1_000) },
  "svid-lifetime": { type: "string", default: String(limits.svidLifetimeMs / 1_000) },
  "outbound-traffic-policy": { type: "string", default: "ALLOW_ANY" },
  "log-level": { type: "string", default: "info" },
  "end-with-input": { type: "boolean", default: false },
} as const;

export const usage = `usage: meshd --state-dir DIR --nats-credentials FILE --authority-key FILE
  [--api-token FILE] [--name NAME] [--cluster NAME] [--api HOST:PORT] [--xds HOST:PORT] [--agents HOST:PORT] [--xds-plaintext HOST:PORT]
  [--nats URL[,URL…]] [--trust-domain TD] [--svid-lifetime SECONDS] [--host-lease SECONDS] [--outbound-traffic-policy ALLOW_ANY|REGISTRY_ONLY]
  [--nats-ca FILE [--nats-cert FILE --nats-key FILE]] [--assume-nats-synced]
  [--log-level debug|info|warn|error] [--end-with-input]`;

export function parseOptions(args: readonly string[]): MeshdOptions {
  const values = read(args);
  const lifetimeS = Number(values["svid-lifetime"]);
  if (!(lifetimeS >= 2 && lifetimeS * 1_000 <= limits.svidLifetimeMs)) {
    throw new UsageError(`--svid-lifetime is 2 to ${limits.svidLifetimeMs / 1_000} seconds`);
  }
  const outboundTrafficPolicy = outboundTrafficPolicyFrom(values["outbound-traffic-policy"]);
  if (!outboundTrafficPolicy) {
    throw new UsageError(`--outbound-traffic-policy is ${outboundTrafficPolicies.join(" or ")}`);
  }
  const trustDomain = trustDomainFrom(values["trust-domain"]);
  if (!trustDomain) throw new UsageError("--trust-domain has lower-case letters, digits, dots, dashes, underscores");
  for (const flag of ["name", "cluster"] as const) {
    if (!isDnsLabel(values[flag])) throw new UsageError(`--${flag} has lower-case letters, digits and dashes`);
  }
  const plaintext = values["xds-plaintext"];
  return {
    name: values.name,
    cluster: values.cluster,
    stateDir: required(values, "state-dir"),
    api: loopbackOnly("api", "speaks plain HTTP", values.api),
    xds: listenAddress("xds", values.xds),
    agents: listenAddress("agents", values.agents),
    ...(plaintext === undefined
      ? {}
      : { xdsPlaintext: loopbackOnly("xds-plaintext", "proves nobody's identity", plaintext) }),
    nats: values.nats.split(","),
    natsCredentialsFile: required(values, "nats-credentials"),
    assumeNatsSynced: values["assume-nats-synced"],
    ...natsTlsOf(values),
    authorityKeyFile: required(values, "authority-key"),
    ...(values["api-token"] === undefined ? {} : { apiTokenFile: values["api-token"] }),
    trustDomain,
    svidLifetimeMs: lifetimeS * 1_000,
    hostLeaseMs: hostLease(values),
    outboundTrafficPolicy,
    logLevel: values["log-level"],
    endWithInput: values["end-with-input"],
  };
}

function hostLease(values: Values): number {
  const leaseMs = Number(values["host-lease"]) * 1_000;
  const { hostLeaseLeastMs: least, hostsTogetherMs: most } = limits;
  if (leaseMs >= least && leaseMs <= most) return leaseMs;
  throw new UsageError(`--host-lease is ${least / 1_000} to ${most / 1_000} seconds`);
}

type Values = ReturnType<typeof read>;

function read(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: flags, strict: true }).values;
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause));
  }
}

function required(values: Values, flag: "state-dir" | "nats-credentials" | "authority-key"): string {
  const value = values[flag];
  if (value === undefined) throw new UsageError(`--${flag} is missing`);
  return value;
}

function natsTlsOf(values: Values): Pick<MeshdOptions, "natsTls"> {
  const { "nats-ca": caFile, "nats-cert": certFile, "nats-key": keyFile } = values;
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new UsageError("--nats-cert and --nats-key go together");
  if (caFile === undefined) {
    if (certFile !== undefined)
      throw new UsageError("--nats-cert needs --nats-ca: who signs the servers' certificates");
    return {};
  }
  const own = certFile === undefined || keyFile === undefined ? {} : { own: { certFile, keyFile } };
  return { natsTls: { caFile, ...own } };
}

export function listenAddress(flag: string, text: string): ListenAddress {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-f:]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (!host || !(port <= 65_535)) throw new UsageError(`--${flag} is HOST:PORT, not ${text}`);
  return { host, port };
}

function loopbackOnly(flag: string, because: string, text: string): ListenAddress {
  const address = listenAddress(flag, text);
  if (address.host === "::1" || address.host === "localhost" || address.host.startsWith("127.")) return address;
  throw new UsageError(`--${flag} ${because}, so it listens on loopback only`);
}
