/**
 * Secrets that are named and not there, or lack the part that is asked of them; and those whose certificates have run
 * out. A Gateway's Secrets are of the namespaces of the workloads that it selects; as long as there are none, of its own.
 */
import { type Gateway, secretsOfServer } from "../model/gateway.ts";
import type { Namespace } from "../model/names.ts";
import { authoritiesBeside, type MeshSecret } from "../model/secret.ts";
import { type SecretName, type StoredSecret, storedSecretFrom } from "../model/secret_name.ts";
import { type DestinationRule, secretsOfRule } from "../model/traffic.ts";
import { isVisible } from "../model/visibility.ts";
import type { Workload } from "../model/workload.ts";
import type { Conflict } from "./analyze_gateways.ts";

export interface SecretWorld {
  secret(namespace: Namespace, name: string): MeshSecret | undefined;
  /** Of the mesh; absent: unknown. */
  readonly workloads?: readonly Workload[] | undefined;
}

export function gatewaySecrets(gateway: Gateway, world: SecretWorld): readonly Conflict[] {
  const namespaces = namespacesOf(gateway, world.workloads ?? []);
  return gateway.servers.flatMap((server, index) => {
    const path = ["spec", "servers", index, "tls"];
    return missingOf(secretsOfServer(server), namespaces, world).map((message) => ({
      path,
      message: `${message}; until it has come, the server's connections are closed`,
    }));
  });
}

/** Of the namespaces of gateways that see the rule one has it at least: which of them send requests by it nobody says. */
export function ruleSecrets(rule: DestinationRule, world: SecretWorld): readonly Conflict[] {
  const gateways = (world.workloads ?? []).filter(({ role }) => role === "gateway").map(({ namespace }) => namespace);
  const seeing = gateways.filter((namespace) => isVisible(rule.exportTo, namespace));
  const namespaces = [...new Set(seeing.length > 0 ? seeing : [rule.namespace])].sort();
  return [...new Set(secretsOfRule(rule))].flatMap((name) => {
    const missed = namespaces.map((namespace) => missingOf([name], [namespace], world));
    const [message] = missed.some((none) => none.length === 0) ? [] : (missed[0] ?? []);
    if (message === undefined) return [];
    return [{ path: ["spec"], message: `${message}; until it has come, requests through gateways get 503` }];
  });
}

/** What is wrong with the stored ones among the names, in words. */
function missingOf(
  names: readonly SecretName[],
  namespaces: readonly Namespace[],
  world: SecretWorld,
): readonly string[] {
  return names.flatMap((name) => {
    const stored = storedSecretFrom(name);
    return stored ? namespaces.flatMap((namespace) => missing(stored, namespace, world) ?? []) : [];
  });
}

function missing({ kind, credential }: StoredSecret, namespace: Namespace, world: SecretWorld): string | undefined {
  const named = world.secret(namespace, credential);
  const place = `${namespace}/${credential}`;
  if (kind === "certificate") {
    if (!named) return `there is no Secret ${place}`;
    return named.parts.keyPair ? undefined : `Secret ${place} has no certificate with its key (tls.crt, tls.key)`;
  }
  const beside = world.secret(namespace, authoritiesBeside(credential));
  if ((beside ?? named)?.parts.authorities) return undefined;
  const other = `${namespace}/${authoritiesBeside(credential)}`;
  return beside ? `Secret ${other} has no ca.crt` : `there is no ca.crt in Secret ${place}, and no Secret ${other}`;
}

/** What is said of it when its time is over; undefined: it is not. */
export function expiredWords({ notAfterMs, parts }: MeshSecret, nowMs: number): string | undefined {
  if (nowMs < notAfterMs) return undefined;
  const what = parts.keyPair ? "its certificate" : "the last of its authorities";
  return `${what} ran out at ${new Date(notAfterMs).toISOString()}; who asks for it will be refused`;
}

function namespacesOf(gateway: Gateway, workloads: readonly Workload[]): readonly Namespace[] {
  const wanted = Object.entries(gateway.selector.labels);
  const selected = workloads.filter(
    ({ role, labels }) => role === "gateway" && wanted.every(([key, value]) => labels[key] === value),
  );
  const own = selected.length > 0 ? selected.map(({ namespace }) => namespace) : [gateway.namespace];
  return [...new Set(own)].sort();
}
