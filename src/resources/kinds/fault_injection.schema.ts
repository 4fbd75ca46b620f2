/** FaultInjection: delays and errors on purpose, in plain words. */
import { duration, type Infer, number, plainObject, required } from "../schema/type.ts";
import { ownService, plainCount } from "./shared.ts";

const percentage = number({
  description: "How many of the requests.",
  default: "100",
  unit: "%",
  min: 0,
  max: 100,
});

export const faultInjectionSchema = plainObject({
  description:
    "Delays requests to a service, or answers them with an error, on purpose: at its callers, on routes that lead to " +
    "this service alone. A fault of the VirtualService's route holds before it.",
  fields: {
    service: ownService,
    delay: plainObject({
      description: "Requests wait before they are sent on.",
      fields: { duration: required(duration({ description: "How long." })), percentage },
    }),
    abort: plainObject({
      description: "Requests are answered with an error.",
      fields: {
        http_status: required(plainCount("The status.", "none", { min: 200, max: 599 })),
        percentage,
      },
    }),
  },
});

export type FaultInjectionSpec = Infer<typeof faultInjectionSchema>;
