/** ServiceEntry: hosts that workloads call and that no service of the mesh is. */
import { choice, type Infer, list, object, portNumber, required, string } from "../schema/type.ts";
import { exportTo, labels } from "./shared.ts";
import { workloadEntrySchema } from "./workload_entry.schema.ts";

export const serviceEntrySchema = object({
  description: "Hosts that workloads call: servers outside of the mesh, or instances that nothing registers.",
  fields: {
    hosts: required(
      list({
        description: "The names by which they are called. VirtualServices and DestinationRules are for them too.",
        minItems: 1,
        items: string({ description: "A full name, or *.SUFFIX.", format: "entryHost" }),
      }),
    ),
    addresses: list({
      description:
        "Their virtual addresses. An HTTP request may name one instead of the host; traffic is not captured.",
      items: string({ description: "An IP address or a network.", format: "entryAddress" }),
    }),
    ports: required(
      list({
        description: "Their ports.",
        minItems: 1,
        items: object({
          description: "One port.",
          fields: {
            number: required(portNumber("The number that callers use.")),
            name: required(string({ description: "Its name.", format: "portName" })),
            protocol: string({
              description: "HTTP, HTTPS, GRPC, HTTP2, MONGO, TCP or TLS.",
              default: "what its name says",
              format: "protocol",
            }),
            targetPort: portNumber("The number that endpoints answer at; the port's own unless set."),
          },
        }),
      }),
    ),
    location: choice({
      description: "Where they are.",
      default: "MESH_EXTERNAL",
      values: {
        MESH_EXTERNAL: "Outside of the mesh: plaintext, unless a DestinationRule says otherwise.",
        MESH_INTERNAL: "In the mesh: mTLS to endpoints with a service account.",
      },
    }),
    resolution: choice({
      description: "How endpoints are found.",
      default: "NONE",
      values: {
        NONE: "By the Host of each HTTP request, asked of DNS.",
        STATIC: "They are those of `endpoints`, or of `workloadSelector`.",
        DNS: "Each name of `endpoints`, or else the host, is asked of DNS; all addresses are used.",
        DNS_ROUND_ROBIN: "Likewise, and each new connection goes to the first address.",
        DYNAMIC_DNS: "By the Host of each HTTP request, for *.SUFFIX.",
      },
    }),
    endpoints: list({ description: "Where they answer.", items: workloadEntrySchema }),
    workloadSelector: object({
      description: "WorkloadEntries of the namespace, instead of `endpoints`.",
      fields: { labels: labels("Labels that one must have, all of them.") },
    }),
    exportTo,
    subjectAltNames: list({
      description: "Identities that servers may have, besides their endpoints' service accounts, where mTLS is spoken.",
      items: string({ description: "A SPIFFE ID.", format: "spiffeId" }),
    }),
  },
  oneOf: { fields: ["endpoints", "workloadSelector"], required: false },
});

export type ServiceEntrySpec = Infer<typeof serviceEntrySchema>;
