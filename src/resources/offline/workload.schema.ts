/** A Workload document, for golden cases and `meshctl compile`: what `meshctl run` would have registered. */
import { labels } from "../kinds/shared.ts";
import { boolean, choice, type Infer, list, map, object, portNumber, required, string } from "../schema/type.ts";

export const workloadSchema = object({
  description: "One instance of a service, or a gateway, beside its proxy. Its labels are metadata.labels.",
  fields: {
    role: choice({
      description: "What it is.",
      default: "sidecar",
      values: { sidecar: "An instance of a service.", gateway: "A gateway." },
    }),
    service: string({ description: "Its service; a sidecar needs it.", format: "serviceRef" }),
    serviceAccount: string({ description: "The account it runs under.", default: "default", format: "serviceAccount" }),
    labels: labels("Labels, over those of the metadata."),
    locality: string({ description: "REGION/ZONE.", default: "none", format: "locality" }),
    network: string({ description: "The network it is in.", default: "the mesh's own", format: "labelValue" }),
    host: string({ description: "Its host.", default: "offline", format: "name" }),
    ports: list({
      description: "Ports of a sidecar's service.",
      items: object({
        description: "One port.",
        fields: {
          name: required(string({ description: "Its name; how it begins says its protocol.", format: "portName" })),
          port: required(portNumber("The service's number.")),
          appPort: portNumber("The application's number on loopback."),
          listen: string({
            description: "Where the proxy listens.",
            default: "127.0.0.1:15006, 15007, …",
            format: "listenAddress",
          }),
        },
      }),
    }),
    outbound: string({ description: "A sidecar's HTTP way out.", default: "127.0.0.1:15001", format: "listenAddress" }),
    upstreams: list({
      description: "A sidecar's TCP ways out.",
      items: object({
        description: "One way out.",
        fields: {
          service: string({ description: "To which service.", format: "serviceRef" }),
          host: string({ description: "To which host of a ServiceEntry.", format: "fullHost" }),
          port: required(portNumber("To which of its ports.")),
          listen: required(string({ description: "Where the proxy listens.", format: "listenAddress" })),
        },
        oneOf: { fields: ["service", "host"], required: true },
      }),
    }),
    eastWest: boolean({ description: "Whether a gateway is for other clusters.", default: "false" }),
    listeners: map({
      description: "A gateway's ports → where the proxy listens for them.",
      default: '{"80": "127.0.0.1:15080", "443": "127.0.0.1:15443"}',
      keys: "port",
      values: string({ description: "ADDRESS:PORT.", format: "listenAddress" }),
    }),
  },
});

export type WorkloadSpec = Infer<typeof workloadSchema>;
