/** DestinationRule's tls → model. */
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

function certificatePart({ clientCertificate: chainFile, privateKey: keyFile }: Tls): Pick<OwnTls, "certificate"> {
  return chainFile === undefined || keyFile === undefined ? {} : { certificate: { chainFile, keyFile } };
}

function serverPart({ caCertificates: rootsFile, subjectAltNames: names = [], sni, insecureSkipVerify }: Tls): OwnTls {
  const isChecked = rootsFile !== undefined && !insecureSkipVerify;
  return {
    ...(isChecked ? { server: { rootsFile, names } } : {}),
    ...(sni === undefined ? {} : { serverName: sni.toLowerCase() }),
  };
}
