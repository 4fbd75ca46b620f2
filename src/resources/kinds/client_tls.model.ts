/** DestinationRule's tls → model. */
import { nameOfStoredSecret } from "../../model/secret_name.ts";
import type { ClientTls, OwnTls } from "../../model/traffic.ts";
import type { Infer } from "../schema/type.ts";
import type { clientTls } from "./client_tls.schema.ts";

type Tls = Infer<typeof clientTls>;

export function clientTlsOf(tls: Tls): ClientTls {
  switch (tls.mode) {
    case "DISABLE":
      return "disable";
    case "ISTIO_MUTUAL":
      return "mesh";
    case "SIMPLE":
      return serverPart(tls);
    case "MUTUAL":
      return { ...certificatePart(tls), ...serverPart(tls) };
  }
}

function certificatePart({
  clientCertificate: chainFile,
  privateKey: keyFile,
  credentialName: credential,
}: Tls): Pick<OwnTls, "certificate"> {
  if (credential !== undefined) {
    return { certificate: { secret: nameOfStoredSecret({ kind: "certificate", credential }) } };
  }
  return chainFile === undefined || keyFile === undefined ? {} : { certificate: { chainFile, keyFile } };
}

function serverPart({ subjectAltNames: names = [], sni, insecureSkipVerify, ...tls }: Tls): OwnTls {
  const roots = insecureSkipVerify ? undefined : rootsOf(tls);
  return {
    ...(roots ? { server: { roots, names } } : {}),
    ...(sni === undefined ? {} : { serverName: sni.toLowerCase() }),
  };
}

function rootsOf({
  caCertificates: file,
  credentialName: credential,
}: Pick<Tls, "caCertificates" | "credentialName">): NonNullable<OwnTls["server"]>["roots"] | undefined {
  if (credential !== undefined) return { secret: nameOfStoredSecret({ kind: "trust", credential }) };
  return file === undefined ? undefined : { file };
}
