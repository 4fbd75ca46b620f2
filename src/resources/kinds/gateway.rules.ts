/** What is asked of a Gateway beyond its fields. */
import { isDnsLabel } from "../../model/names.ts";
import type { FieldPath } from "../document/node.ts";
import type { GatewaySpec } from "./gateway.schema.ts";
import { gatewayTlsRules } from "./gateway_tls.rules.ts";
import type { RuleContext } from "./kind.ts";
import { tellRootNamespace } from "./shared.rules.ts";

type ServerSpec = GatewaySpec["servers"][number];

/** Servers of one kind share a port; of TCP in plaintext there is one. */
const portKinds: Readonly<Record<string, "HTTP" | "TCP" | "TLS">> = { TCP: "TCP", HTTPS: "TLS", TLS: "TLS" };

export function gatewayRules(spec: GatewaySpec, context: RuleContext): void {
  const { tell, name } = context;
  if (!isDnsLabel(name)) {
    tell(["metadata", "name"], "MSH1106", "a Gateway's name has no dots and at most 63 letters, digits and '-'");
  }
  const names = new Set<string>();
  for (const [index, server] of spec.servers.entries()) {
    const path = ["spec", "servers", index];
    const { port, hosts } = server;
    if (names.has(port.name)) tell([...path, "port", "name"], "MSH1306", `a second port is named ${port.name}`);
    names.add(port.name);
    portRules(server, spec.servers.slice(0, index), path, context);
    gatewayTlsRules(server, path, context);
    for (const [at, host] of hosts.entries()) {
      const slash = host.indexOf("/");
      if (slash > 0) tellRootNamespace([...path, "hosts", at], host.slice(0, slash), context);
    }
  }
}

function portRules(server: ServerSpec, earlier: readonly ServerSpec[], path: FieldPath, { tell }: RuleContext): void {
  const { port } = server;
  const protocol = port.protocol.toUpperCase();
  const sharing = earlier.filter((one) => one.port.number === port.number);
  const other = sharing.find((one) => kindOf(one) !== kindOf(server));
  if (other) {
    const spoken = other.port.protocol.toUpperCase();
    tell([...path, "port", "protocol"], "MSH1306", `port ${port.number} speaks ${spoken} in another server`);
  } else if (protocol === "TCP" && sharing.length > 0) {
    tell([...path, "port", "number"], "MSH1306", `port ${port.number} has another TCP server; TCP names no hosts`);
  } else if (kindOf(server) === "TLS") {
    const known = new Set(sharing.flatMap(namesIn));
    for (const [at, name] of namesIn(server).entries()) {
      if (!known.has(name)) continue;
      const said = `${name} is in another server of port ${port.number}; one certificate is for a host`;
      tell([...path, "hosts", at], "MSH1306", said);
    }
  }
}

function kindOf({ port }: ServerSpec): "HTTP" | "TCP" | "TLS" {
  return portKinds[port.protocol.toUpperCase()] ?? "HTTP";
}

/** Without namespaces: connections name hosts alone. Those of sidecars name the cluster, so any is meant. */
function namesIn({ hosts, tls }: ServerSpec): readonly string[] {
  if (tls?.mode === "ISTIO_MUTUAL") return ["*"];
  return hosts.map((word) => word.slice(word.indexOf("/") + 1).toLowerCase());
}
