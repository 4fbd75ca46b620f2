/** VirtualService: how requests for hosts are routed. */
import {
  boolean,
  duration,
  type Infer,
  integer,
  list,
  map,
  object,
  portNumber,
  required,
  string,
  unsupported,
} from "../schema/type.ts";
import { exportTo } from "./shared.ts";

const stringMatch = (description: string) =>
  object({
    description: `${description} Empty: any value.`,
    oneOf: { fields: ["exact", "prefix", "regex"], required: false },
    fields: {
      exact: string({ description: "The whole value.", format: "text" }),
      prefix: string({ description: "How the value begins.", format: "prefix" }),
      regex: string({ description: "A regular expression (RE2) for the whole value.", format: "regex" }),
    },
  });

const headerMatches = (description: string) =>
  map({
    description,
    keys: "headerName",
    values: stringMatch("What the header's value must be; an empty object asks only that it is there."),
  });

const gatewayNames = (description: string, otherwise: string) =>
  list({
    description,
    default: otherwise,
    items: string({ description: "NAMESPACE/NAME, NAME of the own namespace, or mesh.", format: "gatewayRef" }),
  });

const match = object({
  description: "Conditions that a request must meet, all of them.",
  fields: {
    name: string({ description: "A name for logs and statistics.", format: "text" }),
    uri: stringMatch("The path, without its query."),
    ignoreUriCase: boolean({ description: "Whether exact and prefix take the path in any case.", default: "false" }),
    method: stringMatch("The method; upper case."),
    authority: stringMatch("The Host (HTTP/2: authority), with its port if the request had one."),
    headers: headerMatches("Headers that must match. Names in lower case, with '-'."),
    withoutHeaders: headerMatches("Headers that must not match, or not be there."),
    port: portNumber("The port of the service, or of the gateway, that was asked."),
    gateways: gatewayNames("Gateways through which the request came.", "those of the VirtualService"),
    scheme: unsupported("http or https."),
    queryParams: unsupported("Parameters of the query."),
    sourceLabels: unsupported("Labels of the caller's workload."),
    sourceNamespace: unsupported("Namespace of the caller's workload."),
    statPrefix: unsupported("A prefix for the route's statistics."),
  },
});

const destination = required(
  object({
    description: "The service that gets the request.",
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
  }),
);

const route = list({
  description: "Where the request goes: one of these, by weight.",
  minItems: 1,
  items: object({
    description: "One destination and its share.",
    fields: {
      destination,
      weight: integer({
        description: "Its share, in proportion to the sum of all weights; 0 gets nothing.",
        default: "0; a single destination gets everything",
        min: 0,
        max: 2_147_483_647,
      }),
      headers: unsupported("Changes to headers of the request or response for this destination."),
    },
  }),
});

const retries = object({
  description: "How often and when a failed request is sent again.",
  default: "2 attempts on connect-failure, refused-stream, unavailable, cancelled and 503",
  fields: {
    attempts: integer({ description: "How many times; 0 means never.", default: "0", min: 0, max: 1_000 }),
    perTryTimeout: duration({ description: "How long each try may take.", default: "the route's timeout" }),
    retryOn: string({
      description: "Envoy's retry conditions and status codes, separated by commas.",
      default: "connect-failure,refused-stream,unavailable,cancelled,503",
      format: "retryOn",
    }),
    retryRemoteLocalities: unsupported("Whether endpoints of other localities are tried."),
    retryIgnorePreviousHosts: unsupported("Whether hosts that failed may be tried again."),
    backoff: unsupported("The first wait between tries."),
  },
});

export const virtualServiceSchema = object({
  description: "How requests for hosts are routed: by path, header, method and port, in order, the first match wins.",
  fields: {
    hosts: required(
      list({
        description: "The hosts it is for. A short name is of its own namespace; '*' is for gateways only.",
        minItems: 1,
        items: string({ description: "A host, *.SUFFIX, or *.", format: "routedHost" }),
      }),
    ),
    gateways: gatewayNames("Where it applies: Gateways by name; mesh is every sidecar.", "mesh"),
    exportTo,
    http: required(
      list({
        description: "Routes for HTTP, in the order in which they are asked.",
        minItems: 1,
        items: object({
          description: "Requests that match, and what becomes of them.",
          fields: {
            name: string({ description: "A name for logs and statistics.", format: "text" }),
            match: list({
              description: "Any of these must hold.",
              default: "every request",
              items: match,
            }),
            route: required(route),
            timeout: duration({ description: "How long the request may take, tries included.", default: "no limit" }),
            retries,
            redirect: unsupported("Answers with a redirect."),
            directResponse: unsupported("Answers with a fixed response."),
            delegate: unsupported("Hands the request to another VirtualService."),
            rewrite: unsupported("Changes the path or Host before it is sent on."),
            fault: unsupported("Delays or aborts a share of requests on purpose."),
            mirror: unsupported("Sends a copy elsewhere."),
            mirrors: unsupported("Sends copies elsewhere."),
            mirrorPercent: unsupported("How many are copied."),
            mirrorPercentage: unsupported("How many are copied."),
            corsPolicy: unsupported("Which other origins a browser may call from."),
            headers: unsupported("Changes to headers of the request or response."),
          },
        }),
      }),
    ),
    tls: unsupported("Routes for TLS by SNI."),
    tcp: unsupported("Routes for TCP."),
  },
});

export type VirtualServiceSpec = Infer<typeof virtualServiceSchema>;
