/** What is asked of a DestinationRule's tls beyond its fields. */
import type { FieldPath } from "../document/node.ts";
import type { DestinationRuleSpec } from "./destination_rule.schema.ts";
import type { RuleContext } from "./kind.ts";

type Policy = NonNullable<DestinationRuleSpec["trafficPolicy"]>;
type Tls = NonNullable<Policy["tls"]>;

const ofServer = ["caCertificates", "subjectAltNames", "sni", "insecureSkipVerify"] as const;
const ofClient = ["clientCertificate", "privateKey"] as const;
const unread: Readonly<Record<Tls["mode"], readonly (keyof Tls)[]>> = {
  DISABLE: [...ofClient, ...ofServer, "credentialName"],
  ISTIO_MUTUAL: [...ofClient, ...ofServer, "credentialName"],
  SIMPLE: ofClient,
  MUTUAL: [],
};

/** @param path of the policy that has it. */
export function clientTlsRules(
  { tls, proxyProtocol }: Pick<Policy, "tls" | "proxyProtocol">,
  path: FieldPath,
  { tell }: RuleContext,
): void {
  if (!tls) return;
  const at = [...path, "tls"];
  for (const field of unread[tls.mode]) {
    if (tls[field] !== undefined) tell([...at, field], "MSH1322", `changes nothing with ${tls.mode}; leave it out`);
  }
  if (tls.mode === "ISTIO_MUTUAL" && proxyProtocol) {
    tell([...path, "proxyProtocol"], "MSH1322", "changes nothing with ISTIO_MUTUAL: the certificate says who calls");
  }
  if (tls.credentialName !== undefined && (tls.mode === "SIMPLE" || tls.mode === "MUTUAL")) {
    secretRules(tls, at, tell);
    return;
  }
  if (tls.mode === "MUTUAL") {
    for (const field of ofClient) {
      if (tls[field] === undefined)
        tell([...at, field], "MSH1326", "is missing: MUTUAL shows a certificate; name its file");
    }
  }
  if (tls.mode === "SIMPLE" || tls.mode === "MUTUAL") serverRules(tls, at, tell);
}

/** In place of files, and for gateways alone. */
function secretRules(tls: Tls, at: FieldPath, tell: RuleContext["tell"]): void {
  for (const field of [...ofClient, "caCertificates"] as const) {
    if (tls[field] !== undefined) tell([...at, field], "MSH1326", "stands beside credentialName; keep one of the two");
  }
  tell(
    [...at, "credentialName"],
    "MSH1327",
    "is for gateways: sidecars speak plaintext here; where they should speak TLS, name files",
  );
}

function serverRules(tls: Tls, at: FieldPath, tell: RuleContext["tell"]): void {
  if (tls.insecureSkipVerify) {
    for (const field of ["caCertificates", "subjectAltNames"] as const) {
      if (tls[field]) tell([...at, field], "MSH1322", "changes nothing with insecureSkipVerify; leave one of them out");
    }
  } else if (tls.caCertificates === undefined) {
    const instead = "name the file of the roots, such as /etc/ssl/certs/ca-certificates.crt, or set insecureSkipVerify";
    tell([...at, "caCertificates"], "MSH1326", `is missing, so no server could be believed; ${instead}`);
  }
}
