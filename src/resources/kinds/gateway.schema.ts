/** Gateway: the ports and hosts that gateway proxies serve. */
import { type Infer, list, object, portNumber, required, string, unsupported } from "../schema/type.ts";
import { labels } from "./shared.ts";

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
                  protocol: required(string({ description: "HTTP, HTTP2 or GRPC.", format: "gatewayProtocol" })),
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
            tls: unsupported("TLS, its certificates, and the redirect to https."),
            defaultEndpoint: unsupported("Where requests go without a route."),
          },
        }),
      }),
    ),
  },
});

export type GatewaySpec = Infer<typeof gatewaySchema>;
