/**
 * Names of secrets that are files on a gateway's host. Proxies ask their agent for them by these names (Istio's), and it
 * answers with what the files hold; no path of one holds a "~".
 */
const certificatePrefix = "file-cert:";
const trustPrefix = "file-root:";

export type FileSecret =
  | { readonly kind: "certificate"; readonly certificate: string; readonly privateKey: string }
  | { readonly kind: "trust"; readonly authorities: string };

export function nameOfFileSecret(secret: FileSecret): string {
  if (secret.kind === "trust") return `${trustPrefix}${secret.authorities}`;
  return `${certificatePrefix}${secret.certificate}~${secret.privateKey}`;
}

/** undefined: the name of another secret. */
export function fileSecretFrom(name: string): FileSecret | undefined {
  if (name.startsWith(trustPrefix)) return { kind: "trust", authorities: name.slice(trustPrefix.length) };
  if (!name.startsWith(certificatePrefix)) return undefined;
  const [certificate = "", privateKey = ""] = name.slice(certificatePrefix.length).split("~");
  return { kind: "certificate", certificate, privateKey };
}
