/** VirtualService: how requests for hosts are routed. */
import {
  boolean,
  choice,
  duration,
  type Infer,
  integer,
  list,
  map,
  number,
  object,
  portNumber,
  required,
  string,
  unsupported,
} from "../schema/type.ts";
import { exportTo } from "./shared.ts";
import { tcpRoutes, tlsRoutes } from "./virtual_service_l4.schema.ts";
import { callers, destinationOf, gatewayNames, weight } from "./virtual_service_parts.ts";

/** In the order of their numbers. */
export const grpcStatuses = [
  ...(["OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND"] as const),
  ...(["ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED"] as const),
  ...(["OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"] as const),
];

const grpcWords = Object.fromEntries(grpcStatuses.map((word, number) => [word, String(number)])) as Readonly<
  Record<(typeof grpcStatuses)[number], string>
>;

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

/** Conditions with fields of their own: among headers, Istio documents, these names are ignored. */
export function isIgnoredHeader(name: string): boolean {
  return ["uri", "scheme", "method", "authority"].includes(name.toLowerCase());
}

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
    scheme: stringMatch("http or https."),
    queryParams: map({
      description: "Parameters of the query that must match. By prefix none can be matched.",
      keys: "queryName",
      values: object({
        description: "What the parameter's value must be; an empty object asks only that it is there.",
        oneOf: { fields: ["exact", "regex"], required: false },
        fields: {
          exact: string({ description: "The whole value.", format: "text" }),
          regex: string({ description: "A regular expression (RE2) for the whole value.", format: "regex" }),
        },
      }),
    }),
    ...callers,
    statPrefix: string({
      description: "The route has statistics of its own: vhost.HOST.route.PREFIX. in Envoy's.",
      default: "no statistics of its own",
      format: "text",
    }),
  },
});

const headerValue = string({
  description: "Its value; %…% are Envoy's variables, %% is a percent sign.",
  format: "headerValue",
});

const headerNames = (description: string, format: "headerName" | "changedHeader") =>
  list({ description, items: string({ description: "A header's name.", format }) });

const headerEdits = <const Set extends "setHeader" | "changedHeader">(description: string, set: Set) =>
  object({
    description,
    notEmpty: true,
    fields: {
      set: map({ description: "Takes the place of what was there.", keys: set, values: headerValue }),
      add: map({ description: "Is added to what was there.", keys: "changedHeader", values: headerValue }),
      remove: headerNames("Is taken away.", "changedHeader"),
    },
  });

const headers = (description: string) =>
  object({
    description,
    notEmpty: true,
    fields: {
      request: headerEdits("Before the request is sent on.", "setHeader"),
      response: headerEdits("Before the response is sent back.", "changedHeader"),
    },
  });

const percentage = (description: string, otherwise: string) =>
  object({
    description,
    default: otherwise,
    fields: {
      value: number({ description: "A share; 0.0001 is the smallest.", default: "0", min: 0, max: 100 }),
    },
  });
const oldPercent = (instead: string) =>
  integer({ description: "The same in whole percent.", deprecated: instead, min: 0, max: 100 });

const redirect = object({
  description: "Answers with a redirect; what is not said stays as it was asked for.",
  notEmpty: true,
  oneOf: { fields: ["port", "derivePort"], required: false },
  fields: {
    uri: string({ description: "The path, whole.", format: "text" }),
    authority: string({ description: "The host, with a port or without.", format: "text" }),
    port: portNumber("The port."),
    derivePort: choice({
      description: "Which port, when none is named.",
      default: "FROM_PROTOCOL_DEFAULT",
      values: { FROM_PROTOCOL_DEFAULT: "That of the scheme.", FROM_REQUEST_PORT: "The port that was asked." },
    }),
    scheme: choice({ description: "The scheme.", values: { http: "Plain.", https: "With TLS." } }),
    redirectCode: integer({
      description: "The status: 301, 302, 303, 307 or 308.",
      default: "301",
      min: 301,
      max: 308,
    }),
  },
});

const directResponse = object({
  description: "Answers with a fixed response.",
  fields: {
    status: required(integer({ description: "The status.", min: 200, max: 599 })),
    body: object({
      description: "What it says.",
      default: "nothing",
      fields: {
        string: string({ description: "Text.", format: "responseBody" }),
        bytes: unsupported("Bytes in base64; write text in `string`."),
      },
    }),
  },
});

const rewrite = object({
  description: "Changes the path or Host before the request is sent on.",
  notEmpty: true,
  oneOf: { fields: ["uri", "uriRegexRewrite"], required: false },
  fields: {
    uri: string({ description: "In place of the matched prefix; else of the whole path.", format: "text" }),
    authority: string({ description: "The Host.", format: "text" }),
    uriRegexRewrite: object({
      description: "Changes the part of the path that a regular expression finds.",
      fields: {
        match: required(string({ description: "A regular expression (RE2).", format: "regex" })),
        rewrite: required(string({ description: "What takes its place; \\1 is the first group.", format: "text" })),
      },
    }),
  },
});

const fault = object({
  description: "Delays or aborts a share of requests on purpose.",
  notEmpty: true,
  fields: {
    delay: object({
      description: "Requests wait before they are sent on.",
      fields: {
        fixedDelay: required(duration({ description: "How long." })),
        percentage: percentage("How many of the requests.", "none"),
        percent: oldPercent("percentage.value"),
        exponentialDelay: unsupported("A delay that varies."),
      },
    }),
    abort: object({
      description: "Requests are answered with an error.",
      oneOf: { fields: ["httpStatus", "grpcStatus"], required: true },
      fields: {
        httpStatus: integer({ description: "The status.", min: 200, max: 599 }),
        grpcStatus: choice({ description: "The status of gRPC.", values: grpcWords }),
        percentage: percentage("How many of the requests.", "none"),
        percent: oldPercent("percentage.value"),
        http2Error: unsupported("An error of HTTP/2."),
      },
    }),
  },
});

const cors = object({
  description: "Which other origins a browser may call from.",
  fields: {
    allowOrigins: list({ description: "Origins that may call: any of these.", items: stringMatch("The origin.") }),
    allowOrigin: unsupported("Origins, whole; write them in allowOrigins: {exact: ORIGIN}."),
    allowMethods: list({
      description: "Methods that may be used.",
      items: string({ description: "A method.", format: "text" }),
    }),
    allowHeaders: headerNames("Headers that may be sent.", "headerName"),
    exposeHeaders: headerNames("Headers of the answer that the page may read.", "headerName"),
    maxAge: duration({ description: "How long the browser may remember the answer.", default: "as the browser likes" }),
    allowCredentials: boolean({ description: "Whether cookies and the like may be sent.", default: "false" }),
    unmatchedPreflights: choice({
      description: "What becomes of preflights of other origins.",
      default: "FORWARD",
      values: {
        UNSPECIFIED: "FORWARD.",
        FORWARD: "They are sent on.",
        IGNORE: "They are answered here, without a word that allows anything.",
      },
    }),
  },
});

const mirror = object({
  description: "A copy is sent there; nobody waits for its answer.",
  fields: {
    destination: required(destinationOf("The service that gets the copies.")),
    percentage: percentage("How many of the requests.", "all"),
  },
});

const delegate = object({
  description:
    "Hands the request to the routes of a VirtualService without hosts, which see only what was handed to them.",
  fields: {
    name: required(string({ description: "Its name.", format: "name" })),
    namespace: string({ description: "Its namespace.", default: "the own one", format: "label" }),
  },
});

const route = list({
  description: "Where the request goes: one of these, by weight.",
  minItems: 1,
  items: object({
    description: "One destination and its share.",
    fields: {
      destination: required(destinationOf("The service that gets the request.")),
      weight,
      headers: headers("Changes to headers of what goes to this destination and comes from it."),
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
    retryRemoteLocalities: boolean({
      description: "Whether endpoints of other localities are tried.",
      default: "false",
    }),
    retryIgnorePreviousHosts: boolean({
      description: "Whether tries go to other endpoints than those that failed, where there are others.",
      default: "true",
    }),
    backoff: duration({
      description: "The first wait between tries; it grows up to ten times as long.",
      default: "25ms",
    }),
  },
});

export const virtualServiceSchema = object({
  description:
    "How requests for hosts are routed: by path, header, method and port, in order, the first match wins. Of `http`, `tls` and `tcp` at least one.",
  fields: {
    hosts: list({
      description: "The hosts it is for. A short name is of its own namespace; '*' is for gateways only.",
      default: "none: it takes what other VirtualServices delegate to it",
      items: string({ description: "A host, *.SUFFIX, or *.", format: "routedHost" }),
    }),
    gateways: gatewayNames("Where it applies: Gateways by name; mesh is every sidecar.", "mesh"),
    exportTo,
    http: list({
      description: "Routes for HTTP, in the order in which they are asked.",
      minItems: 1,
      items: object({
        description: "Requests that match, and what becomes of them.",
        oneOf: { fields: ["route", "redirect", "directResponse", "delegate"], required: true },
        fields: {
          name: string({ description: "A name for logs and statistics.", format: "text" }),
          match: list({
            description: "Any of these must hold.",
            default: "every request",
            items: match,
          }),
          route,
          timeout: duration({
            description: "How long the request may take, tries included.",
            default: "no limit",
            zero: "no limit, whatever a TrafficPolicy says",
          }),
          retries,
          redirect,
          directResponse,
          delegate,
          rewrite,
          fault,
          mirror: destinationOf("Sends a copy there; nobody waits for its answer."),
          mirrors: list({ description: "Sends copies to several.", items: mirror }),
          mirrorPercent: oldPercent("mirrorPercentage.value"),
          mirrorPercentage: percentage("How many of the requests `mirror` gets.", "all"),
          corsPolicy: cors,
          headers: headers("Changes to headers of the request or response."),
        },
      }),
    }),
    tls: tlsRoutes,
    tcp: tcpRoutes,
  },
});

export type VirtualServiceSpec = Infer<typeof virtualServiceSchema>;
