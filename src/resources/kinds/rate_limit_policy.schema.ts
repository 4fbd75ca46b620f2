/** RateLimitPolicy: how many requests a service takes, in plain words. */
import { boolean, duration, type Infer, integer, list, map, plainObject, required, string } from "../schema/type.ts";
import { ownService, plainCount } from "./shared.ts";

const bucket = (description: string) =>
  plainObject({
    description,
    fields: {
      max_tokens: required(plainCount("What it holds; it begins full.", "none")),
      tokens_per_fill: plainCount("What is put into it each time.", "max_tokens"),
      fill_interval: required(duration({ description: "Time between fills, in steps of 50ms." })),
    },
  });

export const rateLimitPolicySchema = plainObject({
  description:
    "How many requests each proxy of a service lets in, on each of its ports. A request takes a token from each bucket " +
    "that counts it; where one is empty it is refused. Policies that deny are asked first. For HTTP.",
  fields: {
    service: ownService,
    token_bucket: bucket("Counts every request."),
    limits: list({
      description: "Buckets for some of the requests.",
      minItems: 1,
      items: plainObject({
        description: "Counts the requests that match all of it.",
        fields: {
          path_prefix: string({ description: "How their paths begin.", default: "any path", format: "urlPath" }),
          headers: map({
            description: "Headers that they have, with these values.",
            default: "any headers",
            keys: "headerName",
            values: string({ description: "The whole value.", format: "text" }),
            minItems: 1,
          }),
          token_bucket: required(bucket("Counts them.")),
        },
      }),
    }),
    status: integer({
      description: "With what a request is refused. gRPC is told RESOURCE_EXHAUSTED.",
      default: "429",
      min: 400,
      max: 599,
      quotable: true,
    }),
    response_headers: map({
      description: "Headers of that answer.",
      keys: "changedHeader",
      values: string({ description: "The value.", format: "headerValue" }),
    }),
    rate_limit_headers: boolean({
      description: "Whether answers say how much is left, in x-ratelimit-limit, -remaining and -reset.",
      default: "false",
    }),
  },
});

export type RateLimitPolicySpec = Infer<typeof rateLimitPolicySchema>;
