/** DestinationRule's loadBalancer: how one endpoint is chosen. */
import { boolean, choice, duration, integer, list, map, number, object, required, string } from "../schema/type.ts";

// Envoy's limits; the second is a prime.
const largestRing = 8_388_608;
export const largestMaglev = 5_000_011;

const ringSize = integer({
  description: "The least number of places on the ring; more share the requests more evenly. 0: not set.",
  default: "1024",
  min: 0,
  max: largestRing,
});

const consistentHash = object({
  description:
    "Requests of one key reach one endpoint, for as long as it is there; few move when endpoints come or go.",
  oneOf: [
    { fields: ["httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName"], required: true },
    { fields: ["ringHash", "maglev"], required: false },
  ],
  fields: {
    httpHeaderName: string({ description: "The key is a header's value.", format: "headerName" }),
    httpCookie: object({
      description: "The key is a cookie's value.",
      fields: {
        name: required(string({ description: "Its name.", format: "cookieName" })),
        path: string({ description: "The path of a cookie that is given.", format: "cookiePath" }),
        ttl: duration({
          description: "A caller without the cookie is given one for so long, in whole seconds.",
          default: "no cookie is given",
          zero: "until the browser ends",
        }),
        attributes: list({
          description:
            "Further attributes of a cookie that is given, such as SameSite or Secure; HttpOnly it always has.",
          items: object({
            description: "One of them.",
            fields: {
              name: required(string({ description: "Its name.", format: "cookieName" })),
              value: string({ description: "Its value.", default: "none: the name alone", format: "cookieAttribute" }),
            },
          }),
        }),
      },
    }),
    useSourceIp: boolean({
      description: "The key is the address that the connection came from; at a sidecar that is the application's own.",
    }),
    httpQueryParameterName: string({ description: "The key is a query parameter's value.", format: "queryName" }),
    ringHash: object({
      description: "Endpoints stand on a ring, many times each.",
      default: "this one, with its default size",
      fields: { minimumRingSize: ringSize },
    }),
    maglev: object({
      description: "Endpoints share a table: found faster than on a ring, and more move when one goes.",
      fields: {
        tableSize: integer({
          description: "Places in the table: a prime. 0: not set.",
          default: "65537",
          min: 0,
          max: largestMaglev,
        }),
      },
    }),
    minimumRingSize: integer({ ...ringSize, deprecated: "ringHash.minimumRingSize" }),
  },
});

const localityLbSetting = object({
  description:
    "Which localities are used, as the caller's own locality sees them. Of itself, and with outlierDetection: the same " +
    "zone, then the same region, then the rest, each when too many of those before it are ill.",
  default: "all localities alike",
  oneOf: { fields: ["distribute", "failover"], required: false },
  fields: {
    enabled: boolean({ description: "Whether localities matter.", default: "true" }),
    distribute: list({
      description: "Shares of the localities; the first entry that is for the caller's locality counts.",
      items: object({
        description: "The shares of callers of one locality.",
        fields: {
          from: required(string({ description: "Where the callers are.", format: "localityPattern" })),
          to: required(
            map({
              description: "Localities and the share of each; together 100. Others get nothing.",
              keys: "localityPattern",
              values: integer({ description: "Its share.", unit: "%", min: 1, max: 100 }),
              minItems: 1,
            }),
          ),
        },
      }),
    }),
    failover: list({
      description: "Which region comes after the caller's own; with outlierDetection.",
      items: object({
        description: "One region's successor.",
        fields: {
          from: required(string({ description: "The caller's region.", format: "region" })),
          to: required(string({ description: "The region that comes after it.", format: "region" })),
        },
      }),
    }),
    failoverPriority: list({
      description:
        "Labels by which endpoints are ordered: first those that have all of them as the caller has them, then those that " +
        "have all but the last, and so on. Localities matter only where `failover` stands beside it.",
      items: string({
        description:
          "A label's key, or KEY=VALUE, whatever the caller has. topology.istio.io/network, topology.kubernetes.io/region " +
          "and topology.kubernetes.io/zone say where somebody is.",
        format: "priorityLabel",
      }),
    }),
  },
});

export const loadBalancer = object({
  description: "How one endpoint is chosen among the healthy ones.",
  notEmpty: true,
  oneOf: { fields: ["simple", "consistentHash"], required: false },
  fields: {
    simple: choice({
      description: "A balancer without parameters.",
      default: "LEAST_REQUEST",
      values: {
        UNSPECIFIED: "The mesh's default, LEAST_REQUEST.",
        ROUND_ROBIN: "Each in turn.",
        LEAST_REQUEST: "Of two taken at random, the one with fewer open requests.",
        LEAST_CONN: "The old name of LEAST_REQUEST.",
        RANDOM: "Any.",
        PASSTHROUGH: "The address that the caller asked for.",
      },
      deprecatedValues: { LEAST_CONN: "LEAST_REQUEST" },
    }),
    consistentHash,
    localityLbSetting,
    warmupDurationSecs: duration({ description: "How long a new endpoint gets less.", deprecated: "warmup.duration" }),
    warmup: object({
      description: "How a new endpoint's share grows; with ROUND_ROBIN and LEAST_REQUEST.",
      default: "it has its full share at once",
      fields: {
        duration: required(duration({ description: "Until it has its full share." })),
        minimumPercent: number({
          description: "What it has at the beginning.",
          default: "10",
          unit: "%",
          min: 0,
          max: 100,
        }),
        aggression: number({
          description: "How it grows: 1 evenly, more faster at first.",
          default: "1",
          min: 1,
          max: 1_000,
        }),
      },
    }),
  },
});
