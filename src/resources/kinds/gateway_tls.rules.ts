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
  "credentialName",
  "credentialNames",
  "minProtocolVersion",
  "maxProtocolVersion",
  "cipherSuites",
] as const;
const clientFields = ["caCertificates", "caCertCredentialName", "subjectAltNames"] as const;

/** Istio's: one for each kind of key. */
const mostCredentials = 2;

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
  const own = mode === "SIMPLE" || mode === "MUTUAL" || mode === "OPTIONAL_MUTUAL";
  const clients = mode === "MUTUAL" || mode === "OPTIONAL_MUTUAL";
  if (own) sourceRules(tls, path, tell);
  if (clients) authorityRules(tls, path, tell);
  const idle = [...(own ? [] : ownFields), ...(clients ? [] : clientFields)];
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

/** Of one kind: files, or one or several Secrets. */
function sourceRules(tls: TlsSpec, path: FieldPath, tell: RuleContext["tell"]): void {
  const { mode, credentialName, credentialNames } = tls;
  const files = ["serverCertificate", "privateKey"] as const;
  if (credentialName !== undefined && credentialNames !== undefined) {
    tell([...path, "credentialNames"], "MSH1331", "stands beside credentialName; keep one of the two");
  }
  if ((credentialNames?.length ?? 0) > mostCredentials) {
    tell([...path, "credentialNames"], "MSH1331", "names more than two: one Secret with an RSA key, one with ECDSA");
  }
  const isStored = credentialName !== undefined || credentialNames !== undefined;
  for (const field of files) {
    if (isStored && tls[field] !== undefined) {
      tell([...path, field], "MSH1331", "stands beside a Secret; name files or a Secret");
    } else if (!isStored && !tls[field]) {
      tell([...path, field], "MSH1331", `mode ${mode} needs it, or \`credentialName\``);
    }
  }
}

/** Whose a client's certificate may be: a file's, a Secret's of its own, or those beside the server's certificate. */
function authorityRules(tls: TlsSpec, path: FieldPath, tell: RuleContext["tell"]): void {
  const { mode, caCertificates, caCertCredentialName, credentialName, credentialNames } = tls;
  const isStored = credentialName !== undefined || credentialNames !== undefined;
  if (caCertificates !== undefined && (caCertCredentialName !== undefined || isStored)) {
    const instead = "put them into the Secret, into NAME-cacert, or name another in caCertCredentialName";
    tell([...path, "caCertificates"], "MSH1331", `stands beside a Secret; ${instead}`);
  } else if (!caCertificates && caCertCredentialName === undefined && !isStored) {
    tell([...path, "caCertificates"], "MSH1331", `mode ${mode} needs it, or \`caCertCredentialName\``);
  }
}

function rankOf(version: TlsSpec["minProtocolVersion"], otherwise: number): number {
  return version === undefined || version === "TLS_AUTO" ? otherwise : tlsVersions.indexOf(version);
}
