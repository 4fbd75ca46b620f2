/** Telemetry: what proxies tell of the traffic that they carry. Of it, access logs. */
import { boolean, choice, type Infer, list, object, required, unsupported } from "../schema/type.ts";
import { targetRefs, workloadSelector } from "./shared.ts";

const provider = object({
  description: "Where the lines go.",
  fields: {
    name: required(
      choice({ description: "Its name.", values: { envoy: "The standard output of the workload's Envoy, as text." } }),
    ),
  },
});

const accessLogging = object({
  description: "Whether each request, and each TCP connection, is told by a line.",
  fields: {
    match: object({
      description: "Which of the workload's traffic it is for.",
      default: "all of it",
      fields: {
        mode: choice({
          description: "On which side of the traffic the workload is.",
          default: "CLIENT_AND_SERVER",
          values: {
            CLIENT_AND_SERVER: "On either.",
            CLIENT: "It asks others; all that a gateway carries, too.",
            SERVER: "Others ask it.",
          },
        }),
      },
    }),
    providers: list({ description: "Where the lines go.", default: "envoy, the only one", items: provider }),
    disabled: boolean({
      description: "Whether there are no lines.",
      default: "false, unless a wider Telemetry says true",
    }),
    filter: unsupported("Tells only of requests that a CEL expression chooses."),
  },
});

export const telemetrySchema = object({
  description:
    "What proxies tell of the traffic that they carry. In the root namespace: of the whole mesh; without a selector: of the namespace.",
  fields: {
    selector: workloadSelector,
    accessLogging: list({
      description: "Access logs. Of several that match the last holds.",
      default: "as the wider Telemetry says; without any, none",
      items: accessLogging,
    }),
    metrics: unsupported("Which metrics there are, and their labels."),
    tracing: unsupported("Which requests are traced, and where to."),
    ...targetRefs,
  },
});

export type TelemetrySpec = Infer<typeof telemetrySchema>;
