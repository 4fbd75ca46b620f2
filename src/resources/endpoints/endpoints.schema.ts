/** The body of PUT /v1/endpoints/NS/SERVICE: all that one source knows of a service. Also a Service document's spec. */

import { labels } from "../kinds/shared.ts";
import { choice, type Infer, integer, list, map, object, portNumber, required, string } from "../schema/type.ts";

export const servicePorts = list({
  description: "The service's ports.",
  items: object({
    description: "One port.",
    fields: {
      name: required(string({ description: "Its name; how it begins says its protocol.", format: "portName" })),
      port: required(portNumber("The number that callers use.")),
      protocol: string({ description: "What it speaks.", default: "what its name says", format: "protocol" }),
    },
  }),
});

export const endpointsSchema = object({
  description: "The ports of a service, and the whole set of endpoints that one source knows of it.",
  fields: {
    ports: servicePorts,
    endpoints: list({
      description: "Where it answers.",
      items: object({
        description: "One endpoint.",
        fields: {
          id: required(string({ description: "Unique within the service and source.", format: "endpointId" })),
          address: required(string({ description: "Its address.", format: "ip" })),
          ports: map({
            description: "Port name → the number that answers at the address.",
            default: "the service's own numbers",
            keys: "portName",
            values: portNumber("The number."),
          }),
          health: choice({
            description: "Whether it gets requests.",
            default: "healthy",
            values: {
              healthy: "It does.",
              unhealthy: "It does not.",
              draining: "It keeps what it has and gets nothing new.",
            },
          }),
          weight: integer({
            description: "Its share, in proportion to the others.",
            default: "1",
            min: 0,
            max: 1_000_000,
          }),
          locality: string({ description: "REGION/ZONE.", default: "none", format: "locality" }),
          network: string({ description: "The network it is in.", default: "the mesh's own", format: "labelValue" }),
          labels: labels(
            "Labels; subsets choose by them. `security.istio.io/tlsMode: istio`, or `security.mesh.io/tlsMode: mesh`, says that a sidecar with the service account's identity answers: it gets mTLS.",
          ),
          serviceAccount: string({
            description:
              "The account it runs under, in the service's namespace. mTLS needs it; alone it changes nothing.",
            format: "serviceAccount",
          }),
        },
      }),
    }),
  },
});

export type EndpointsSpec = Infer<typeof endpointsSchema>;
export type EndpointSpec = NonNullable<EndpointsSpec["endpoints"]>[number];
