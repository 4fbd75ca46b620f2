/** DestinationRule's tls: how connections to a service are secured. */
import { boolean, choice, list, object, required, string, unsupported } from "../schema/type.ts";

const file = (description: string) => string({ description, format: "filePath" });

export const clientTls = object({
  description: "How connections to the service are secured.",
  default: "mTLS to endpoints that have a sidecar, plaintext to others",
  fields: {
    mode: required(
      choice({
        description: "What is spoken.",
        values: {
          DISABLE: "Plaintext.",
          SIMPLE: "TLS to a server that the mesh does not know.",
          MUTUAL: "The same with a certificate of the user's own.",
          ISTIO_MUTUAL: "mTLS with the mesh's own identities.",
        },
      }),
    ),
    clientCertificate: file("File of the user's own certificate, for MUTUAL."),
    privateKey: file("File of its key."),
    caCertificates: file("File of the roots that the server is checked against, for SIMPLE and MUTUAL."),
    credentialName: string({
      description:
        "Secret that holds them (the roots, or in NAME-cacert), of the gateway's namespace; for gateways alone.",
      format: "name",
    }),
    subjectAltNames: list({
      description: "The server's certificate has one of these names.",
      default: "the request's Host; for TCP any name",
      items: string({ description: "A host, an address, a mail address or a URI.", format: "subjectAltName" }),
    }),
    sni: string({
      description: "The name that is asked for.",
      default: "the request's Host; for TCP none",
      format: "serverName",
    }),
    insecureSkipVerify: boolean({ description: "Whether any server at all is believed.", default: "false" }),
    caCrl: unsupported("File of revoked certificates."),
  },
});
