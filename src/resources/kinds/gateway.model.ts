/** Gateway → model. */
import type { Gateway, GatewayServer } from "../../model/gateway.ts";
import type { GatewaySpec } from "./gateway.schema.ts";
import { hostOf, type Owner } from "./shared.model.ts";
import { exportedTo } from "./shared.rules.ts";

type ServerSpec = GatewaySpec["servers"][number];

export function toGateway(spec: GatewaySpec, owner: Owner): Gateway {
  return {
    ...owner,
    selector: { labels: spec.selector ?? {} },
    servers: spec.servers.map((server) => serverOf(server, owner)),
  };
}

function serverOf({ name, port, hosts }: ServerSpec, owner: Owner): GatewayServer {
  return {
    ...(name === undefined || name === "" ? {} : { name }),
    port: { number: port.number, name: port.name, protocol: protocolOf(port.protocol) },
    hosts: hosts.map((word) => patternOf(word, owner)),
  };
}

function protocolOf(word: string): GatewayServer["port"]["protocol"] {
  const lower = word.toLowerCase();
  return lower === "http2" || lower === "grpc" ? lower : "http";
}

/** NAMESPACE/HOST; without a namespace, of any. A host is taken as it is: clients outside say full names. */
function patternOf(word: string, owner: Owner): GatewayServer["hosts"][number] {
  const slash = word.indexOf("/");
  const host = word.slice(slash + 1).toLowerCase();
  const full = host.includes(".") ? hostOf(host, owner) : host;
  return { namespace: slash < 0 ? "*" : exportedTo(word.slice(0, slash), owner.namespace), host: full };
}
