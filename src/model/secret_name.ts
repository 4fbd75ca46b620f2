/**
 * Names of secrets that a gateway's agent has for it beside its own: files of its host, and stored Secrets of its
 * namespace. Envoy asks the agent for them by these names. No path of a file holds a "~".
 */
import type { Branded } from "./names.ts";

export type SecretName = Branded<"secret name">;

const prefixes = {
  fileCertificate: "file-cert:",
  fileTrust: "file-root:",
  storedCertificate: "secret-cert:",
  storedTrust: "secret-root:",
} as const;

export type FileSecret =
  | { readonly kind: "certificate"; readonly certificate: string; readonly privateKey: string }
  | { readonly kind: "trust"; readonly authorities: string };

export interface StoredSecret {
  readonly kind: "certificate" | "trust";
  /** As `credentialName` says it. */
  readonly credential: string;
}

export function nameOfFileSecret(secret: FileSecret): SecretName {
  if (secret.kind === "trust") return `${prefixes.fileTrust}${secret.authorities}` as SecretName;
  return `${prefixes.fileCertificate}${secret.certificate}~${secret.privateKey}` as SecretName;
}

/** undefined: the name of another secret. */
export function fileSecretFrom(name: string): FileSecret | undefined {
  const authorities = after(prefixes.fileTrust, name);
  if (authorities !== undefined) return { kind: "trust", authorities };
  const [certificate, privateKey = ""] = after(prefixes.fileCertificate, name)?.split("~") ?? [];
  return certificate === undefined ? undefined : { kind: "certificate", certificate, privateKey };
}

export function nameOfStoredSecret({ kind, credential }: StoredSecret): SecretName {
  const prefix = kind === "trust" ? prefixes.storedTrust : prefixes.storedCertificate;
  return `${prefix}${credential}` as SecretName;
}

/** undefined: the name of another secret. */
export function storedSecretFrom(name: string): StoredSecret | undefined {
  const certificate = after(prefixes.storedCertificate, name);
  if (certificate !== undefined) return { kind: "certificate", credential: certificate };
  const trust = after(prefixes.storedTrust, name);
  return trust === undefined ? undefined : { kind: "trust", credential: trust };
}

function after(prefix: string, name: string): string | undefined {
  return name.startsWith(prefix) ? name.slice(prefix.length) : undefined;
}
