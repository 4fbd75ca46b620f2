/**
 * Stored Secrets for a host's gateways. An agent has a Secret only for a gateway workload of its own host, in that
 * workload's namespace, and only while a Gateway that selects it or a DestinationRule that it sees names it: whoever takes over a host learns
 * what that host serves, and nothing else. What is given is said in the log.
 */
import type { StoredSecretReply, StoredSecretRequest } from "../../certificates/attestation/protocol.ts";
import { type Gateway, secretsOfServer } from "../../model/gateway.ts";
import type { Namespace } from "../../model/names.ts";
import type { StoredResource } from "../../model/object.ts";
import { authoritiesBeside, type MeshSecret } from "../../model/secret.ts";
import { type StoredSecret, storedSecretFrom } from "../../model/secret_name.ts";
import { type DestinationRule, secretsOfRule } from "../../model/traffic.ts";
import { isVisible } from "../../model/visibility.ts";
import { type GatewayWorkload, nameOfWorkload, type Workload } from "../../model/workload.ts";
import { toModel } from "../../resources/to_model.ts";
import { openedOf } from "../apply/sealed.ts";
import { type CommitPorts, catchUp } from "../commit.ts";
import { ApiRefusal } from "../problem_details.ts";
import { selectedBy } from "./gateway_ports.ts";
import type { AgentPorts } from "./ports.ts";
import { workloadsOf } from "./register.ts";

export interface NamingSecrets {
  readonly gateways: Iterable<Gateway>;
  readonly rules: Iterable<DestinationRule>;
}

/** Names of stored secrets that the workload may ask for. */
export function namedSecrets(workload: GatewayWorkload, { gateways, rules }: NamingSecrets): ReadonlySet<string> {
  const servers = [...gateways]
    .filter((gateway) => selectedBy(gateway, workload))
    .flatMap((gateway) => gateway.servers);
  const seen = [...rules].filter(({ exportTo }) => isVisible(exportTo, workload.namespace));
  const all = [...servers.flatMap(secretsOfServer), ...seen.flatMap(secretsOfRule)];
  return new Set(all.filter((name) => storedSecretFrom(name) !== undefined));
}

/** NAME.NS of each of the host's gateways → name → version of what it may ask for and is there. */
export function secretVersions(
  ports: Pick<AgentPorts, "gateways" | "rules" | "mirror">,
  workloads: readonly Workload[],
): Readonly<Record<string, Readonly<Record<string, string>>>> {
  const gateways = workloads.flatMap((workload) => (workload.role === "gateway" ? [workload] : []));
  if (gateways.length === 0) return {};
  const naming = { gateways: [...ports.gateways()], rules: [...ports.rules()] };
  return Object.fromEntries(
    gateways.map((workload) => {
      const versions = [...namedSecrets(workload, naming)].flatMap((name) => {
        const found = meantBy(ports, name, workload.namespace);
        return found ? [[name, found.secret.version] as const] : [];
      });
      return [nameOfWorkload(workload), Object.fromEntries(versions)];
    }),
  );
}

export type SecretPorts = CommitPorts & Pick<AgentPorts, "gateways" | "rules" | "sealing" | "log">;

export async function giveSecret(
  ports: SecretPorts,
  hostName: string,
  { workload: asked, name }: StoredSecretRequest,
  signal: AbortSignal,
): Promise<StoredSecretReply> {
  // A proxy asks as soon as its configuration names it, which may have come from another node.
  await catchUp(ports, "records", signal);
  const workload = workloadsOf(ports, hostName).find(({ value }) => nameOfWorkload(value) === asked)?.value;
  if (workload?.role !== "gateway") {
    throw new ApiRefusal("denied", `host ${hostName} has registered no gateway workload of that name`);
  }
  if (!namedSecrets(workload, { gateways: ports.gateways(), rules: ports.rules() }).has(name)) {
    throw new ApiRefusal(
      "denied",
      `no Gateway that selects ${asked} names this secret, and no DestinationRule that it sees`,
    );
  }
  const found = meantBy(ports, name, workload.namespace);
  const contents = found && openedOf(found.stored, ports.sealing)?.reveal();
  if (!contents) throw new ApiRefusal("not-found", `there is no such Secret in namespace ${workload.namespace}`);
  ports.log.info("secret-given", { host: hostName, workload: asked, secret: name, version: found.secret.version });
  const { keyPair, authorities } = contents;
  const part = found.kind === "certificate" ? { keyPair } : { authorities };
  return { version: found.secret.version, ...part };
}

interface Meant extends Pick<StoredSecret, "kind"> {
  readonly stored: StoredResource;
  readonly secret: MeshSecret;
}

/** undefined: it is not there, or has not that part. Authorities are looked for in NAME-cacert first, as Istio does. */
function meantBy(ports: Pick<AgentPorts, "mirror">, name: string, namespace: Namespace): Meant | undefined {
  const named = storedSecretFrom(name);
  if (!named) return undefined;
  const { kind, credential } = named;
  const find = (of: string) => ports.mirror.object({ kind: "Secret", namespace, name: of }).value;
  const stored = (kind === "trust" ? find(authoritiesBeside(credential)) : undefined) ?? find(credential);
  if (!stored) return undefined;
  const secret = toModel(stored);
  if (secret.kind !== "Secret") return undefined;
  const has = kind === "certificate" ? secret.parts.keyPair : secret.parts.authorities;
  return has ? { kind, stored, secret } : undefined;
}
