/** DestinationRule: how a service is used once a request is routed to it. */
import {
  boolean,
  choice,
  duration,
  type Infer,
  integer,
  list,
  number,
  object,
  portNumber,
  required,
  string,
  unsupported,
} from "../schema/type.ts";
import { clientTls as tls } from "./client_tls.schema.ts";
import { count, connectionPool as pool } from "./connection_pool.schema.ts";
import { loadBalancer } from "./load_balancer.schema.ts";
import { exportTo, labels } from "./shared.ts";

const connectionPool = pool("Limits on connections and requests to the service, per proxy.");

const percent = (description: string, otherwise: string) =>
  integer({ description, default: otherwise, unit: "%", min: 0, max: 100 });

const outlierDetection = object({
  description: "Takes an endpoint that fails out of the balancing for a while, per proxy.",
  default: "nobody is taken out",
  fields: {
    consecutive5xxErrors: count(
      "Errors in a row after which an endpoint is out: answers of 500 to 599, connections that fail; on TCP, connections " +
        "that fail. 0: none.",
      "5",
    ),
    consecutiveGatewayErrors: count(
      "The same for 502, 503 and 504 alone; on TCP, for connections that fail. 0: none.",
      "none",
    ),
    splitExternalLocalOriginErrors: boolean({
      description: "Count errors on the way to the endpoint (no connection, a timeout) apart from its answers.",
      default: "false",
    }),
    consecutiveLocalOriginFailures: count(
      "Errors on the way, in a row; read with splitExternalLocalOriginErrors.",
      "5",
    ),
    interval: duration({ description: "How often endpoints are judged, and taken back.", default: "10s" }),
    baseEjectionTime: duration({
      description: "How long the first time lasts; the n-th lasts n times as long.",
      default: "30s",
    }),
    maxEjectionPercent: percent(
      "How many of the endpoints may be out at a time. Of fewer than ten, the default lets nobody go.",
      "10",
    ),
    minHealthPercent: percent(
      "With a smaller share of healthy endpoints all are used, also those that are out.",
      "0: only the healthy ones are ever used",
    ),
    consecutiveErrors: unsupported("The old name of consecutiveGatewayErrors; write that."),
  },
});

const portSettings = { loadBalancer, connectionPool, tls, outlierDetection };

const trafficPolicy = (description: string) =>
  object({
    description,
    notEmpty: true,
    fields: {
      ...portSettings,
      portLevelSettings: list({
        description: "The same for one port; it takes the place of all that stands above for that port.",
        items: object({
          description: "Settings of one port.",
          fields: {
            port: required(
              object({
                description: "The service's port.",
                fields: { number: required(portNumber("Its number.")) },
              }),
            ),
            ...portSettings,
          },
        }),
      }),
      tunnel: unsupported("Tunnels TCP through HTTP CONNECT."),
      proxyProtocol: object({
        description:
          "Each connection begins with who the caller is, by the PROXY protocol; not those in the mesh's mTLS.",
        default: "it does not",
        fields: {
          version: choice({
            description: "Its form.",
            default: "V1",
            values: { V1: "Text.", V2: "Binary." },
          }),
        },
      }),
      retryBudget: object({
        description:
          "How many retries may be under way, in proportion to the requests that are; instead of maxRetries.",
        fields: {
          percent: number({ description: "Of the requests under way.", default: "20", unit: "%", min: 0, max: 100 }),
          minRetryConcurrency: count("So many may always be under way.", "3"),
        },
      }),
    },
  });

export const destinationRuleSchema = object({
  description: "How a service is used once a request is routed to it: its subsets, balancing, limits and TLS.",
  fields: {
    host: required(
      string({ description: "The service; a short name is of the rule's own namespace.", format: "host" }),
    ),
    trafficPolicy: trafficPolicy("Settings for the whole service."),
    subsets: list({
      description: "Named parts of the service, by its endpoints' labels. VirtualServices route to them by name.",
      items: object({
        description: "One part.",
        fields: {
          name: required(string({ description: "Its name.", format: "subsetName" })),
          labels: labels("Labels that its endpoints have, all of them."),
          trafficPolicy: trafficPolicy("Settings for this part, over those of the service."),
        },
      }),
    }),
    exportTo,
    workloadSelector: unsupported("Which callers it is for."),
  },
});

export type DestinationRuleSpec = Infer<typeof destinationRuleSchema>;
