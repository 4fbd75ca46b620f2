/** What is asked of a server's `tls`, by its protocol and mode. */
import { tlsVersions } from "../../model/gateway.ts";
import type { FieldPath } from "../document/node.ts";
import type { GatewaySpec } from "./gateway.schema.ts";
import type { RuleContext } from "./kind.ts";

type ServerSpec = GatewaySpec["servers"][number];
type TlsSpec = NonNullable<ServerSpec["tls"]>;

const ownFields = [
  "serverCertificate",
  "privateKey",
  "minProtocolVersion",
  "maxProtocolVersion",
  "cipherSuites",
] as const;
const clientFields = ["caCertificates", "subjectAltNames"] as const;

export function gatewayTlsRules({ port, tls }: ServerSpec, server: FieldPath, context: RuleContext): void {
  const { tell } = context;
  const protocol = port.protocol.toUpperCase();
  const path = [...server, "tls"];
  if (protocol === "HTTPS" || protocol === "TLS") {
    if (tls) modeRules(tls, protocol, path, context);
    else tell(path, "MSH1331", `a server of protocol ${protocol} needs it; say its \`mode\``);
    return;
  }
  for (const field of ["mode", ...ownFields, ...clientFields] as const) {
    if (tls?.[field] === undefined) continue;
    tell(
      [...path, field],
      "MSH1331",
      `a server of protocol ${protocol} ends no TLS; its protocol would be ${endedBy(protocol)}`,
    );
  }
  if (protocol === "TCP" && tls?.httpsRedirect) {
    tell([...path, "httpsRedirect"], "MSH1331", "TCP has no requests that could be sent elsewhere");
  }
}

function endedBy(protocol: string): string {
  return protocol === "TCP" ? "TLS" : "HTTPS";
}

function modeRules(tls: TlsSpec, protocol: string, path: FieldPath, { tell }: RuleContext): void {
  const { mode = "PASSTHROUGH" } = tls;
  const files = mode === "SIMPLE" || mode === "MUTUAL" || mode === "OPTIONAL_MUTUAL";
  const clients = mode === "MUTUAL" || mode === "OPTIONAL_MUTUAL";
  const needed = [
    ...(files ? (["serverCertificate", "privateKey"] as const) : []),
    ...(clients ? (["caCertificates"] as const) : []),
  ];
  for (const field of needed) if (!tls[field]) tell([...path, field], "MSH1331", `mode ${mode} needs it`);
  const idle = [...(files ? [] : ownFields), ...(clients ? [] : clientFields)];
  for (const field of idle) {
    if (tls[field] !== undefined) tell([...path, field], "MSH1331", `means nothing with mode ${mode}`);
  }
  if (tls.httpsRedirect) {
    const said = `is for servers of protocol HTTP, whose clients it sends to this one; ${protocol} has nothing to send`;
    tell([...path, "httpsRedirect"], "MSH1331", said);
  }
  if (rankOf(tls.minProtocolVersion, 2) > rankOf(tls.maxProtocolVersion, 3)) {
    tell([...path, "maxProtocolVersion"], "MSH1331", "is older than the oldest version that is spoken");
  }
}

function rankOf(version: TlsSpec["minProtocolVersion"], otherwise: number): number {
  return version === undefined || version === "TLS_AUTO" ? otherwise : tlsVersions.indexOf(version);
}
