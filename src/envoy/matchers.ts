/** Matches of the IR and of the model → Envoy's matchers. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HeaderMatcherSchema } from "#envoy/envoy/config/route/v3/route_components_pb.js";
import type { StringMatcherSchema } from "#envoy/envoy/type/matcher/v3/string_pb.js";
import type { RouteHeaderMatch } from "../compile/ir.ts";
import type { ValueMatch } from "../model/policy.ts";
import type { StringMatch } from "../model/route.ts";

export type StringMatcherInit = MessageInitShape<typeof StringMatcherSchema>;
export type HeaderMatcherInit = MessageInitShape<typeof HeaderMatcherSchema>;

export function stringMatcher(
  kind: "exact" | "prefix" | "suffix",
  value: string,
  ignoreCase = false,
): StringMatcherInit {
  return { matchPattern: { case: kind, value }, ignoreCase };
}

export function regexMatcher(regex: string): StringMatcherInit {
  return { matchPattern: { case: "safeRegex", value: { regex } } };
}

/** Characters that mean something to RE2 stand for themselves. */
export function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

/** Of a route. "present" is any value. */
export function routedString(match: StringMatch): StringMatcherInit {
  if (match.kind === "present") return stringMatcher("prefix", "");
  return match.kind === "regex" ? regexMatcher(match.value) : stringMatcher(match.kind, match.value);
}

export function headerMatcher({ name, match, invert }: RouteHeaderMatch): HeaderMatcherInit {
  if (match.kind === "present") {
    return { name, headerMatchSpecifier: { case: "presentMatch", value: !invert } };
  }
  return {
    name,
    headerMatchSpecifier: { case: "stringMatch", value: routedString(match) },
    // "Without this value" holds for a request that has no such header at all.
    ...(invert ? { invertMatch: true, treatMissingHeaderAsEmpty: true } : {}),
  };
}

/** A value of a policy as it stands, for methods and paths. */
export function valueMatcher(match: ValueMatch): StringMatcherInit {
  return match.kind === "present" ? regexMatcher(".+") : stringMatcher(match.kind, match.value);
}
