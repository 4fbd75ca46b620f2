/** Gateway → model. */
import type { ClientCertificates, Gateway, GatewayServer, ServerTls, Serves, TlsVersion } from "../../model/gateway.ts";
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
  const files = {
    certificate: tls.serverCertificate ?? "",
    privateKey: tls.privateKey ?? "",
    ...(clients ? { clients } : {}),
    ...(minVersion ? { minVersion } : {}),
    ...(maxVersion ? { maxVersion } : {}),
    cipherSuites: [...new Set(tls.cipherSuites ?? [])],
  };
  return { kind: "files", files };
}

function clientsOf({ mode, caCertificates = "", subjectAltNames = [] }: TlsSpec): ClientCertificates | undefined {
  if (mode !== "MUTUAL" && mode !== "OPTIONAL_MUTUAL") return undefined;
  return { authorities: caCertificates, required: mode === "MUTUAL", names: subjectAltNames };
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
