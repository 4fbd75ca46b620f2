/** Sidecar: what the proxies of some workloads are told of, and how they hand on what comes in. */
import { choice, type Infer, list, object, portNumber, required, string, unsupported } from "../schema/type.ts";
import { connectionPool } from "./connection_pool.schema.ts";
import { labels } from "./shared.ts";

const ingress = list({
  description: "How what comes in for ports of the application is taken. Ports that are not named stay as they are.",
  default: "as the workload was run; a wider Sidecar is not asked",
  minItems: 1,
  items: object({
    description: "One port.",
    fields: {
      port: required(
        object({
          description: "Which port, and what it carries.",
          fields: {
            number: required(
              portNumber("The application's port, as the workload was run with it: the number that policies name."),
            ),
            protocol: string({
              description: "HTTP, HTTPS, GRPC, HTTP2, MONGO, TCP or TLS.",
              default: "what its name says",
              format: "protocol",
            }),
            name: string({ description: "Its name.", default: "none", format: "portName" }),
            targetPort: unsupported("An old field that says nothing."),
          },
        }),
      ),
      bind: string({
        description: "The address that the proxy would listen at. The agent chooses it; naming it changes nothing.",
        format: "ip",
      }),
      captureMode: choice({
        description: "How connections come to the proxy. They are never captured; it changes nothing.",
        default: "DEFAULT",
        values: {
          DEFAULT: "As the mesh does: callers connect to the proxy.",
          NONE: "The same.",
          IPTABLES: "By iptables, which the mesh does not use.",
        },
      }),
      defaultEndpoint: string({
        description:
          "Where the application listens: 127.0.0.1:PORT or [::1]:PORT; 0.0.0.0:PORT or [::]:PORT for the address at " +
          "which the workload is reached; unix:///PATH for a Unix socket.",
        default: "127.0.0.1 and the port's number",
        format: "applicationAddress",
      }),
      connectionPool: connectionPool(
        "Limits on the proxy's connections to the application, in place of the Sidecar's.",
      ),
      tls: unsupported("TLS for callers that are not in the mesh."),
    },
  }),
});

export const sidecarSchema = object({
  description: "What workloads may reach through their sidecars. Without a workloadSelector: all of the namespace.",
  notEmpty: true,
  fields: {
    workloadSelector: object({
      description: "Which workloads of the namespace it is for.",
      default: "all of them; in mesh-system, those of every namespace that has no Sidecar of its own",
      fields: { labels: labels("Labels that a workload must have, all of them.") },
    }),
    egress: list({
      description: "What may be reached.",
      default: "as the namespace's, else the mesh's Sidecar says; without one everything",
      minItems: 1,
      items: object({
        description: "Hosts that may be reached.",
        fields: {
          hosts: required(
            list({
              description:
                "NAMESPACE/HOST: services, and hosts of VirtualServices. NAMESPACE is a name, '.' for the workload's own, " +
                "'*' for any or '~' for none; HOST is a full name, *.SUFFIX or '*'.",
              minItems: 1,
              items: string({ description: "Hosts of a namespace.", format: "egressHost" }),
            }),
          ),
          port: unsupported("Hosts for one port alone."),
          bind: unsupported("The address that the port listens at."),
          captureMode: unsupported("How traffic to it is captured."),
        },
      }),
    }),
    outboundTrafficPolicy: object({
      description: "What becomes of requests to hosts that are not known.",
      default:
        "as the namespace's, else the mesh's Sidecar says, else as the mesh does (`meshd --outbound-traffic-policy`)",
      fields: {
        mode: required(
          choice({
            description: "What becomes of them.",
            values: { REGISTRY_ONLY: "They are answered with 502.", ALLOW_ANY: "They go where DNS says." },
          }),
        ),
        egressProxy: unsupported("A service through which they go."),
      },
    }),
    ingress,
    inboundConnectionPool: connectionPool(
      "Limits on each proxy's connections to its application; a wider Sidecar is not asked.",
    ),
  },
});

export type SidecarSpec = Infer<typeof sidecarSchema>;
