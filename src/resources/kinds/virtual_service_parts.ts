/** Parts that all of a VirtualService's routes have: where and for whom they hold, and where they lead. */
import { integer, list, object, portNumber, required, string } from "../schema/type.ts";
import { labels } from "./shared.ts";

export const gatewayNames = (description: string, otherwise: string) =>
  list({
    description,
    default: otherwise,
    items: string({ description: "NAMESPACE/NAME, NAME of the own namespace, or mesh.", format: "gatewayRef" }),
  });

export const callers = {
  sourceLabels: labels("Labels that the caller's workload must have, all of them. Not asked beside `gateways`."),
  sourceNamespace: string({
    description: "Namespace that the caller's workload must be of. Not asked beside `gateways`.",
    format: "label",
  }),
};

export const destinationOf = (description: string) =>
  object({
    description,
    fields: {
      host: required(
        string({
          description: "Its name: a short name is of the VirtualService's own namespace.",
          format: "destinationHost",
        }),
      ),
      subset: string({
        description: "One of the subsets that a DestinationRule defines for the host.",
        default: "all of its endpoints",
        format: "subsetName",
      }),
      port: object({
        description: "Which of its ports.",
        default: "its only one, else the port of the request",
        fields: { number: required(portNumber("The port's number.")) },
      }),
    },
  });

export const weight = integer({
  description: "Its share, in proportion to the sum of all weights; 0 gets nothing.",
  default: "0; a single destination gets everything",
  min: 0,
  max: 2_147_483_647,
});
