/** Limits on connections and requests: to a service (DestinationRule), or to the application beside a proxy (Sidecar). */
import { boolean, choice, duration, type Infer, integer, object, unsupported } from "../schema/type.ts";

export const count = (description: string, otherwise: string) =>
  integer({ description, default: otherwise, min: 0, max: 2_147_483_647 });

export const connectionPool = (description: string) =>
  object({
    description,
    notEmpty: true,
    fields: {
      tcp: object({
        description: "Limits for HTTP and TCP.",
        fields: {
          maxConnections: count("Open connections.", "no limit"),
          connectTimeout: duration({ description: "How long a connection may take to open.", default: "10s" }),
          tcpKeepalive: object({
            description: "Asks the other end of a silent connection whether it is still there.",
            default: "no keepalive",
            fields: {
              probes: count("Questions without an answer after which the connection is dead.", "the system's, 9"),
              time: duration({ description: "Silence before the first question.", default: "the system's, 2h" }),
              interval: duration({ description: "Time between questions.", default: "the system's, 75s" }),
            },
          }),
          maxConnectionDuration: duration({
            description: "How long an HTTP connection may live, busy or not.",
            default: "no limit",
          }),
          idleTimeout: unsupported("How long a TCP connection may be idle."),
        },
      }),
      http: object({
        description: "Limits for HTTP.",
        fields: {
          http1MaxPendingRequests: count("Requests that wait for a connection.", "no limit"),
          http2MaxRequests: count("Open requests.", "no limit"),
          maxRequestsPerConnection: count("Requests after which a connection is closed; 0 is no limit.", "no limit"),
          maxRetries: count("Retries under way at a time.", "no limit"),
          idleTimeout: duration({ description: "How long a connection without a request stays open.", default: "1h" }),
          h2UpgradePolicy: choice({
            description: "Whether HTTP/2 is spoken to a port that says HTTP/1.1.",
            default: "DEFAULT",
            values: {
              DEFAULT: "As the mesh does: no.",
              DO_NOT_UPGRADE: "HTTP/1.1 stays HTTP/1.1.",
              UPGRADE: "HTTP/2 is spoken.",
            },
          }),
          useClientProtocol: boolean({
            description: "Speak what the caller spoke, whatever the port and h2UpgradePolicy say.",
            default: "false",
          }),
          maxConcurrentStreams: count("Open streams of one HTTP/2 connection.", "no limit"),
        },
      }),
    },
  });

export type ConnectionPoolSpec = Infer<ReturnType<typeof connectionPool>>;
