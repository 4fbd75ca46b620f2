/** Gateway: the ports and hosts that gateway proxies serve. */
import {
  boolean,
  choice,
  type Infer,
  list,
  object,
  portNumber,
  required,
  string,
  unsupported,
} from "../schema/type.ts";
import { labels } from "./shared.ts";

const path = (description: string) => string({ description, format: "filePath" });

const credential = (description: string) => string({ description, format: "name" });

const version = (description: string, otherwise: string) =>
  choice({
    description,
    default: otherwise,
    values: {
      TLS_AUTO: "What is the default.",
      TLSV1_0: "TLS 1.0; needs cipherSuites that it has.",
      TLSV1_1: "TLS 1.1; needs cipherSuites that it has.",
      TLSV1_2: "TLS 1.2.",
      TLSV1_3: "TLS 1.3.",
    },
  });

const tls = object({
  description: "What is done about TLS. HTTPS and TLS servers need it; of HTTP servers only httpsRedirect.",
  fields: {
    httpsRedirect: boolean({
      description: "Sends every request of an HTTP server to https, with 301.",
      default: "false",
    }),
    mode: choice({
      description: "Whether TLS is ended here, and what is asked of clients.",
      default: "PASSTHROUGH",
      values: {
        PASSTHROUGH: "It is carried on as it is; the VirtualService's `tls` says where, by the host that clients name.",
        SIMPLE: "It is ended here.",
        MUTUAL: "It is ended here; clients must show a certificate.",
        OPTIONAL_MUTUAL: "It is ended here; a certificate that a client shows must be good.",
        ISTIO_MUTUAL: "It is ended here with the mesh's own certificates; clients are sidecars.",
      },
      unsupportedValues: { AUTO_PASSTHROUGH: "By the cluster's name in the SNI, without a VirtualService." },
    }),
    serverCertificate: path("Path of the certificate, with its intermediates (PEM). Read again when it changes."),
    privateKey: path("Path of its key (PEM)."),
    caCertificates: path("Path of the certificates of who may sign clients' (PEM)."),
    subjectAltNames: list({
      description: "Names of which a client's certificate must have one.",
      default: "any",
      items: string({ description: "A DNS name, a URI, an address, or a mail address.", format: "text" }),
    }),
    minProtocolVersion: version("The oldest version of TLS that is spoken.", "TLSV1_2"),
    maxProtocolVersion: version("The newest version of TLS that is spoken.", "TLSV1_3"),
    cipherSuites: list({
      description: "Cipher suites that are spoken in TLS 1.2 and below.",
      default: "Envoy's",
      items: string({ description: "Its name in OpenSSL.", format: "cipherSuite" }),
    }),
    credentialName: credential(
      "Secret with the certificate and its key, and with who may sign clients' (or in NAME-cacert). Of the gateway workload's namespace.",
    ),
    credentialNames: list({
      description: "Several of them, for one server: one with an RSA and one with an ECDSA key.",
      minItems: 1,
      items: credential("A Secret."),
    }),
    caCertCredentialName: credential("Secret with who may sign clients', in place of those of credentialName."),
    tlsCertificates: unsupported("Several certificates by their paths."),
    caCrl: unsupported("Path of a list of revoked certificates."),
    verifyCertificateSpki: unsupported("Hashes of keys that clients may have."),
    verifyCertificateHash: unsupported("Hashes of certificates that clients may have."),
  },
});

export const gatewaySchema = object({
  description: "The ports and hosts that gateway proxies serve. VirtualServices that name it say where requests go.",
  fields: {
    selector: labels("Labels of the gateway proxies, all of them; of any namespace."),
    servers: required(
      list({
        description: "What is served.",
        minItems: 1,
        items: object({
          description: "One port and its hosts.",
          fields: {
            name: string({ description: "A name for logs.", format: "text" }),
            port: required(
              object({
                description: "The port.",
                fields: {
                  number: required(portNumber("Its number, as clients see it.")),
                  name: required(string({ description: "Its name; no two servers share one.", format: "portName" })),
                  protocol: required(
                    string({
                      description:
                        "HTTP, HTTP2, GRPC, HTTPS, TLS or TCP. One port takes HTTP, or TCP, or what has TLS.",
                      format: "gatewayProtocol",
                    }),
                  ),
                  targetPort: unsupported("It has no meaning for a Gateway."),
                },
              }),
            ),
            hosts: required(
              list({
                description: "Hosts that are served; NAMESPACE/HOST takes only that namespace's VirtualServices.",
                minItems: 1,
                items: string({ description: "A host, *.SUFFIX or *.", format: "gatewayHost" }),
              }),
            ),
            bind: unsupported("The address it listens on."),
            tls,
            defaultEndpoint: unsupported("Where requests go without a route."),
          },
        }),
      }),
    ),
  },
});

export type GatewaySpec = Infer<typeof gatewaySchema>;
