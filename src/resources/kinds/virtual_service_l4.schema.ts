/** VirtualService: routes for connections, by the host that a TLS client names, or by port alone. */
import { list, object, portNumber, required, string, unsupported } from "../schema/type.ts";
import { callers, destinationOf, gatewayNames, weight } from "./virtual_service_parts.ts";

const place = {
  port: portNumber("The port of the service, or of the gateway, that was asked."),
  gateways: gatewayNames("Gateways through which the connection came.", "those of the VirtualService"),
  destinationSubnets: unsupported(
    "Addresses that the caller dialled.",
    "has nothing to match: connections are not captured, so they come to the proxy's own address; match by `port`",
  ),
  ...callers,
};

const route = required(
  list({
    description: "Where the connection goes: to one of these, by weight.",
    minItems: 1,
    items: object({
      description: "One destination and its share.",
      fields: { destination: required(destinationOf("The service that gets the connection.")), weight },
    }),
  }),
);

export const tlsRoutes = list({
  description: "Routes for TLS that is carried on as it is, in order.",
  minItems: 1,
  items: object({
    description: "Connections that match, and where they go.",
    fields: {
      match: required(
        list({
          description: "Any of these must hold.",
          minItems: 1,
          items: object({
            description: "Conditions that a connection must meet, all of them.",
            fields: {
              sniHosts: required(
                list({
                  description: "Hosts that the client may name (SNI); each of them one of the VirtualService's.",
                  minItems: 1,
                  items: string({ description: "A host, *.SUFFIX or *.", format: "sniHost" }),
                }),
              ),
              ...place,
            },
          }),
        }),
      ),
      route,
    },
  }),
});

export const tcpRoutes = list({
  description: "Routes for TCP, and for TLS that a gateway ended, in order.",
  minItems: 1,
  items: object({
    description: "Connections that match, and where they go.",
    fields: {
      match: list({
        description: "Any of these must hold.",
        default: "every connection",
        items: object({
          description: "Conditions that a connection must meet, all of them.",
          fields: { ...place, sourceSubnet: unsupported("Addresses of callers.") },
        }),
      }),
      route,
    },
  }),
});
