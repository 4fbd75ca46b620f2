/**
 * What made a route and a cluster's settings: which part of which object. It is looked up when somebody asks, from the same
 * input and by the same choices that the compile makes, and stands in no IR: a moved line changes nobody's configuration. Pure.
 */
import type { Gateway } from "../model/gateway.ts";
import type { Host, Namespace } from "../model/names.ts";
import type { ObjectKind, ObjectRef } from "../model/object.ts";
import type { HttpRoute } from "../model/route.ts";
import type { DestinationRule, TrafficSettings } from "../model/traffic.ts";
import type { HeldRoute, WrittenRoute } from "./delegates.ts";
import { portSettings, ruleSettings, speakerOf } from "./destination_rules.ts";
import type { PlacedServer } from "./gateway_port.ts";
import { filledSettings, oldest, type PlainWords } from "./plain_words.ts";
import { type Arrival, numbersOf } from "./routes.ts";
import { same } from "./same.ts";

export interface Part {
  readonly object: ObjectRef;
  /** From the object's root: ["spec", "http", 0]. */
  readonly path: readonly (string | number)[];
}

export type RouteMaker =
  /** A VirtualService's route with the match that holds; another's that handed the request to it. */
  | { readonly kind: "object"; readonly part: Part; readonly delegatedBy?: Part }
  /** Nobody routes the host: requests go where it is. */
  | { readonly kind: "destination"; readonly host: Host }
  /** The mesh's own: the refusal of CONNECT, and what becomes of hosts that are nobody's. */
  | { readonly kind: "mesh" };

/** Who says how requests on the way are treated; absent: nobody, and a default holds. */
export interface Treatment {
  readonly timeout?: Part;
  readonly retries?: Part;
  readonly delay?: Part;
  readonly abort?: Part;
}

export interface RouteProvenance {
  readonly maker: RouteMaker;
  readonly treatment: Treatment;
}

export const meshRoute: RouteProvenance = { maker: { kind: "mesh" }, treatment: {} };

export function destinationRoute(host: Host, words: PlainWords): RouteProvenance {
  return { maker: { kind: "destination", host }, treatment: wordsTreatment(words) };
}

/** In the order of the routes that `held` comes to. */
export function writtenRoutes(
  held: readonly HeldRoute[],
  arrival: Arrival,
  wordsOf: (host: Host) => PlainWords,
): readonly RouteProvenance[] {
  const numbers = numbersOf(
    held.map(({ route }) => route),
    arrival,
  );
  return numbers.flatMap(({ route, match }) => {
    const made = held[route];
    return made ? { maker: makerOf(made, match), treatment: treatmentOf(made, wordsOf) } : [];
  });
}

/** The way to HTTPS that a Gateway's server asks for. */
export function redirectRoute(gateways: readonly Gateway[], { server }: PlacedServer): RouteProvenance {
  const gateway = gateways.find(({ servers }) => servers.includes(server));
  if (!gateway) return meshRoute;
  const path = ["spec", "servers", gateway.servers.indexOf(server), "tls", "httpsRedirect"];
  return { maker: { kind: "object", part: { object: refOf("Gateway", gateway), path } }, treatment: {} };
}

function makerOf({ of: [own, outer], matches }: HeldRoute, match: number | undefined): RouteMaker {
  const [ownMatch, outerMatch] = match === undefined ? [] : (matches[match] ?? []);
  return {
    kind: "object",
    part: routePart(own, ...matchPath(ownMatch)),
    ...(outer ? { delegatedBy: routePart(outer, ...matchPath(outerMatch)) } : {}),
  };
}

function matchPath(match: number | undefined): Part["path"] {
  return match === undefined ? [] : ["match", match];
}

function routePart({ virtualService, number }: WrittenRoute, ...rest: Part["path"]): Part {
  return { object: refOf("VirtualService", virtualService), path: ["spec", "http", number, ...rest] };
}

function treatmentOf({ route, of }: HeldRoute, wordsOf: (host: Host) => PlainWords): Treatment {
  const sayer = (says: (route: HttpRoute) => unknown, ...path: Part["path"]): Part | undefined => {
    const found = of.find((one) => says(one.route) !== undefined);
    return found && routePart(found, ...path);
  };
  const said = {
    timeout: sayer(({ timeoutMs }) => timeoutMs, "timeout"),
    retries: sayer(({ retries }) => retries, "retries"),
    delay: route.fault?.delay && sayer(({ fault }) => fault, "fault", "delay"),
    abort: route.fault?.abort && sayer(({ fault }) => fault, "fault", "abort"),
  };
  const [host, ...others] = new Set(route.destinations.map((destination) => destination.host));
  // As routes are made: of a route to several services none has the say.
  const unsaid = host === undefined || others.length > 0 ? {} : wordsTreatment(wordsOf(host));
  return { ...unsaid, ...present(said) };
}

function wordsTreatment({ policies, faults }: PlainWords): Treatment {
  const [policy, fault] = [oldest(policies), oldest(faults)];
  const ofPolicy = (path: Part["path"], said: unknown): Part | undefined =>
    policy && said !== undefined ? { object: refOf("TrafficPolicy", policy), path: ["spec", ...path] } : undefined;
  const ofFault = (path: Part["path"], said: unknown): Part | undefined =>
    fault && said !== undefined ? { object: refOf("FaultInjection", fault), path: ["spec", ...path] } : undefined;
  return present({
    timeout: ofPolicy(["timeouts", "request_timeout"], policy?.routes.timeoutMs),
    retries: ofPolicy(["retries"], policy?.routes.retries),
    delay: ofFault(["delay"], fault?.fault.delay),
    abort: ofFault(["abort"], fault?.fault.abort),
  });
}

/** What one part says of a cluster, and nobody before it. */
export interface SettingsMaker {
  readonly part: Part;
  /** Of TrafficSettings; empty: it chooses endpoints and says nothing else. */
  readonly fields: readonly string[];
}

export interface ClusterWords extends Pick<PlainWords, "breakers" | "policies"> {
  /** That hold and are read as one, the older first. */
  readonly rules: readonly DestinationRule[];
}

/** Who says what of a cluster's settings, the narrowest first: a subset, its rule, then plain words. */
export function settingsMakers(
  { rules, breakers, policies }: ClusterWords,
  { port, subset }: { readonly port: number; readonly subset: string },
): readonly SettingsMaker[] {
  const makers: SettingsMaker[] = [];
  let said: TrafficSettings = {};
  const hear = (part: Part, now: TrafficSettings, always = false): void => {
    const fields = newFields(now, said);
    if (always || fields.length > 0) makers.push({ part, fields });
    said = now;
  };
  const choosing = rules.find(({ subsets }) => subsets.some(({ name }) => name === subset));
  const number = choosing?.subsets.findIndex(({ name }) => name === subset) ?? -1;
  const chosen = choosing?.subsets[number];
  if (choosing && chosen) {
    const own = chosen.portSettings[port];
    if (own) hear(rulePart(choosing, "subsets", number, "trafficPolicy", "portLevelSettings"), own);
    hear(rulePart(choosing, "subsets", number), portSettings(chosen.settings, own), true);
  }
  const speaker = speakerOf(rules);
  if (speaker) {
    const path = ["trafficPolicy", ...(speaker.portSettings[port] ? ["portLevelSettings"] : [])];
    hear(rulePart(speaker, ...path), ruleSettings(speaker, port, chosen));
  }
  const [breaker, policy] = [oldest(breakers), oldest(policies)];
  if (breaker) {
    hear({ object: refOf("CircuitBreaker", breaker), path: ["spec"] }, filledSettings(said, breaker.settings));
  }
  if (policy) hear({ object: refOf("TrafficPolicy", policy), path: ["spec"] }, filledSettings(said, policy.settings));
  return makers;
}

function newFields(now: TrafficSettings, before: TrafficSettings): readonly string[] {
  const known = new Map<string, unknown>(Object.entries(before));
  return Object.entries(now).flatMap(([field, value]) => (same(value, known.get(field)) ? [] : field));
}

function rulePart(rule: DestinationRule, ...path: Part["path"]): Part {
  return { object: refOf("DestinationRule", rule), path: ["spec", ...path] };
}

export function refOf(
  kind: ObjectKind,
  { namespace, name }: { readonly namespace: Namespace; readonly name: string },
): ObjectRef {
  return { kind, namespace, name };
}

function present(said: { readonly [Name in keyof Treatment]: Part | undefined }): Treatment {
  return Object.fromEntries(Object.entries(said).filter(([, part]) => part !== undefined));
}
