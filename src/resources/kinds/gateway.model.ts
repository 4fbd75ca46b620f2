/** Gateway → model. */
import type { ClientCertificates, Gateway, GatewayServer, ServerTls, Serves, TlsVersion } from "../../model/gateway.ts";
import { nameOfFileSecret, nameOfStoredSecret, type SecretName } from "../../model/secret_name.ts";
import type { GatewaySpec } from "./gateway.schema.ts";
import { hostOf, type Owner } from "./shared.model.ts";
import { exportedTo } from "./shared.rules.ts";

type ServerSpec = GatewaySpec["servers"][number];
type TlsSpec = NonNullable<ServerSpec["tls"]>;

export function toGateway(spec: GatewaySpec, owner: Owner): Gateway {
  return {
    ...owner,
    selector: { labels: spec.selector ?? {} },
    servers: spec.servers.map((server) => serverOf(server, owner)),
  };
}

function serverOf(server: ServerSpec, owner: Owner): GatewayServer {
  const { name, port, hosts } = server;
  return {
    ...(name === undefined || name === "" ? {} : { name }),
    port: { number: port.number, name: port.name },
    hosts: hosts.map((word) => patternOf(word, owner)),
    serves: servesOf(server),
  };
}

function servesOf({ port, tls = {} }: ServerSpec): Serves {
  const protocol = port.protocol.toUpperCase();
  if (protocol === "TCP") return { kind: "tcp" };
  if (protocol !== "HTTPS" && protocol !== "TLS") return { kind: "http", redirect: tls.httpsRedirect ?? false };
  if ((tls.mode ?? "PASSTHROUGH") === "PASSTHROUGH") return { kind: "passthrough" };
  return { kind: protocol === "HTTPS" ? "https" : "tls", tls: endedWith(tls) };
}

/** What the mode needs is there: the rules have seen to it. */
function endedWith(tls: TlsSpec): ServerTls {
  if (tls.mode === "ISTIO_MUTUAL") return { kind: "mesh" };
  const clients = clientsOf(tls);
  const minVersion = versionOf(tls.minProtocolVersion);
  const maxVersion = versionOf(tls.maxProtocolVersion);
  const own = {
    certificates: certificatesOf(tls),
    ...(clients ? { clients } : {}),
    ...(minVersion ? { minVersion } : {}),
    ...(maxVersion ? { maxVersion } : {}),
    cipherSuites: [...new Set(tls.cipherSuites ?? [])],
  };
  return { kind: "own", own };
}

function certificatesOf({ serverCertificate, privateKey, ...tls }: TlsSpec): readonly SecretName[] {
  const stored = credentialsOf(tls).map((credential) => nameOfStoredSecret({ kind: "certificate", credential }));
  if (serverCertificate === undefined || privateKey === undefined) return stored;
  return [nameOfFileSecret({ kind: "certificate", certificate: serverCertificate, privateKey })];
}

function clientsOf(tls: TlsSpec): ClientCertificates | undefined {
  const { mode, subjectAltNames = [] } = tls;
  if (mode !== "MUTUAL" && mode !== "OPTIONAL_MUTUAL") return undefined;
  return { authorities: authoritiesOf(tls), required: mode === "MUTUAL", names: subjectAltNames };
}

function authoritiesOf({ caCertificates, caCertCredentialName, ...tls }: TlsSpec): SecretName {
  if (caCertificates !== undefined) return nameOfFileSecret({ kind: "trust", authorities: caCertificates });
  const [credential = ""] = [...(caCertCredentialName ? [caCertCredentialName] : []), ...credentialsOf(tls)];
  return nameOfStoredSecret({ kind: "trust", credential });
}

function credentialsOf({ credentialName, credentialNames = [] }: TlsSpec): readonly string[] {
  return credentialName === undefined ? [...new Set(credentialNames)] : [credentialName];
}

function versionOf(word: TlsSpec["minProtocolVersion"]): TlsVersion | undefined {
  return word === "TLS_AUTO" ? undefined : word;
}

/** NAMESPACE/HOST; without a namespace, of any. A host is taken as it is: clients outside say full names. */
function patternOf(word: string, owner: Owner): GatewayServer["hosts"][number] {
  const slash = word.indexOf("/");
  const host = word.slice(slash + 1).toLowerCase();
  const full = host.includes(".") ? hostOf(host, owner) : host;
  return { namespace: slash < 0 ? "*" : exportedTo(word.slice(0, slash), owner.namespace), host: full };
}
