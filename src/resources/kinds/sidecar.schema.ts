/** Sidecar: what the proxies of some workloads are told of. */
import { choice, type Infer, list, object, required, string, unsupported } from "../schema/type.ts";
import { labels } from "./shared.ts";

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
    ingress: unsupported("Ports of the workload other than those that it was run with."),
    inboundConnectionPool: unsupported("Limits on connections to the workload."),
  },
});

export type SidecarSpec = Infer<typeof sidecarSchema>;
