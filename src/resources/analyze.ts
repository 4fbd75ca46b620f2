/**
 * What is allowed and surely not meant, and can only be seen beside other objects: references that end nowhere, weights
 * that are no percent, two objects for one host. Warnings only, each naming both sides. Pure; called by the API at an
 * apply (with what the mesh already has) and by whatever reads files offline.
 */
import { gatewayKey } from "../model/gateway.ts";
import { covers } from "../model/host_pattern.ts";
import { type Host, meshDomain, type Namespace, type ServiceRef, serviceHost } from "../model/names.ts";
import { type MeshObject, objectKey, type Resource } from "../model/object.ts";
import type { Problem, SourcePosition } from "../model/problem.ts";
import type { Destination, VirtualServiceRef } from "../model/route.ts";
import type { MeshSecret } from "../model/secret.ts";
import type { Workload } from "../model/workload.ts";
import { WeftError } from "../platform/error.ts";
import { gatewayConflicts } from "./analyze_gateways.ts";
import { expiredWords, gatewaySecrets, ruleSecrets } from "./analyze_secrets.ts";
import { type Conflict, meet, type Naming, routerConflicts, ruleConflicts } from "./conflicts.ts";
import type { FieldPath } from "./document/node.ts";
import { singularOf } from "./kinds/catalog.ts";
import { suggestion } from "./nearest.ts";
import { Report } from "./report.ts";
import { toModel } from "./to_model.ts";

export interface Analyzed {
  readonly resource: Resource;
  /** Where its fields stand, when it comes from a text. */
  readonly at?: (path: FieldPath) => SourcePosition;
}

/** As the store keeps it, or just read. */
export interface KnownResource {
  readonly resource: Resource;
  readonly createdAtMs?: number;
  /** file:line */
  readonly origin?: string;
}

export interface Known {
  /** What the mesh already has. An object that is among the analyzed ones too is replaced by it. */
  readonly resources?: Iterable<KnownResource>;
  /** The mesh's services; absent: unknown, and hosts are not judged. */
  readonly services?: Iterable<ServiceRef>;
  readonly workloads?: Iterable<Workload>;
  /** Wall time; absent: nothing is judged by it. */
  readonly nowMs?: number;
}

export function analyze(analyzed: readonly Analyzed[], known: Known = {}): readonly Problem[] {
  const { mine, others } = gathered(analyzed, known);
  const all = [...mine, ...others];
  const world = new World(
    all.map(({ object }) => object),
    known,
  );
  const places = new Map(all.map(({ object, place }) => [keyOf(object), place]));
  const naming: Naming = (object) => {
    const place = places.get(keyOf(object));
    return place === undefined ? nameOf(object) : `${nameOf(object)} (${place})`;
  };
  const report = new Report();
  for (const { object, at } of mine) {
    const tell: Told = (path, code, message) =>
      report.add({ code, path, message, position: at?.(path), object: nameOf(object) });
    for (const { path, code, message } of judge(object, { world, naming, tell })) tell(path, code, message);
  }
  return report.problems();
}

interface Judging {
  readonly world: World;
  readonly naming: Naming;
  readonly tell: Told;
}

/** Tells what is wrong with the object's own references; @returns what it has against others. */
function judge(object: MeshObject, { world, naming, tell }: Judging): readonly Conflict[] {
  const isOther = (other: MeshObject): boolean => other !== object;
  if (object.kind === "VirtualService") {
    judgeVirtualService(object, world, tell);
    return routerConflicts(object, world.routers.filter(isOther), naming);
  }
  if (object.kind === "DestinationRule") {
    judgeDestinationRule(object, world, tell);
    for (const { path, message } of ruleSecrets(object, world)) tell(path, "MSH1413", message);
    return ruleConflicts(object, world.rules.filter(isOther), naming);
  }
  if (object.kind === "Gateway") {
    for (const { path, message } of gatewayConflicts(object, world.gateways)) tell(path, "MSH1412", message);
    for (const { path, message } of gatewaySecrets(object, world)) tell(path, "MSH1413", message);
  }
  if (object.kind === "Secret" && world.nowMs !== undefined) {
    const expired = expiredWords(object, world.nowMs);
    if (expired !== undefined) tell([], "MSH1414", expired);
  }
  if (object.kind === "ServiceEntry") judgeServiceEntry(object, world, tell);
  if (isPlain(object)) judgePlainWords(object, world, tell);
  return [];
}

interface Gathered {
  readonly object: MeshObject;
  /** file:line, where it is known. */
  readonly place?: string | undefined;
}

/** Both as the compiler will read them, with their ages. What is new is younger than all that is there. */
function gathered(
  analyzed: readonly Analyzed[],
  known: Known,
): { readonly mine: readonly (Gathered & Pick<Analyzed, "at">)[]; readonly others: readonly Gathered[] } {
  const stored = Array.from(known.resources ?? []);
  const ages = new Map(stored.map(({ resource, createdAtMs = 0 }) => [keyOfResource(resource), createdAtMs]));
  const mine = analyzed.map(({ resource, at }) => ({
    object: modelOf(resource, ages.get(keyOfResource(resource)) ?? Number.MAX_SAFE_INTEGER),
    place: at && placeText(at([])),
    ...(at ? { at } : {}),
  }));
  const own = new Set(mine.map(({ object }) => keyOf(object)));
  const others = stored
    .filter(({ resource }) => !own.has(keyOfResource(resource)))
    .flatMap(({ resource, createdAtMs = 0, origin }) =>
      understood(resource, createdAtMs).map((object) => ({ object, place: origin })),
    );
  return { mine, others };
}

type Told = (
  path: FieldPath,
  code:
    | "MSH1401"
    | "MSH1402"
    | "MSH1403"
    | "MSH1404"
    | "MSH1407"
    | "MSH1408"
    | "MSH1411"
    | "MSH1412"
    | "MSH1413"
    | "MSH1414"
    | Conflict["code"],
  message: string,
) => void;
type PlainWords = Extract<MeshObject, { readonly service: ServiceRef }>;
type OfKind<K extends MeshObject["kind"]> = Extract<MeshObject, { readonly kind: K }>;

/** Services that a wrong name is compared with, so that a mesh of thousands costs no more. */
const mostCompared = 500;

class World {
  readonly gateways: readonly OfKind<"Gateway">[];
  readonly gatewayNames: ReadonlySet<string>;
  readonly routers: readonly OfKind<"VirtualService">[];
  readonly rules: readonly OfKind<"DestinationRule">[];
  readonly entries: readonly OfKind<"ServiceEntry">[];
  /** Services of the mesh. */
  readonly services: ReadonlySet<Host> | undefined;
  /** Those, and what ServiceEntries declare. */
  readonly #known: ReadonlySet<Host> | undefined;
  readonly plain: readonly PlainWords[];
  readonly workloads: readonly Workload[] | undefined;
  readonly nowMs: number | undefined;
  readonly #secrets: ReadonlyMap<string, OfKind<"Secret">>;

  constructor(objects: readonly MeshObject[], { services, workloads, nowMs }: Known) {
    this.gateways = objects.flatMap((one) => (one.kind === "Gateway" ? [one] : []));
    this.gatewayNames = new Set(this.gateways.map(gatewayKey));
    this.routers = objects.flatMap((one) => (one.kind === "VirtualService" ? [one] : []));
    this.rules = objects.flatMap((one) => (one.kind === "DestinationRule" ? [one] : []));
    this.entries = objects.flatMap((one) => (one.kind === "ServiceEntry" ? [one] : []));
    this.services = services && new Set(Array.from(services, serviceHost));
    this.#known = this.services && new Set([...this.services, ...this.entries.flatMap(({ hosts }) => hosts)]);
    this.plain = objects.filter(isPlain);
    this.workloads = workloads && [...workloads];
    this.nowMs = nowMs;
    this.#secrets = new Map(objects.flatMap((one) => (one.kind === "Secret" ? [[keyOf(one), one] as const] : [])));
  }

  secret(namespace: Namespace, name: string): MeshSecret | undefined {
    return this.#secrets.get(objectKey({ kind: "Secret", namespace, name }));
  }

  /** What is wrong with a destination's host, or undefined. */
  missing(host: Host): string | undefined {
    if (!this.#known || this.#known.has(host)) return undefined;
    if (host.startsWith("*") && [...this.#known].some((service) => covers(host, service))) return undefined;
    const short = (name: string) => (name.endsWith(`.${meshDomain}`) ? name.slice(0, -meshDomain.length - 1) : name);
    const alike = [...this.#known]
      .filter((service) => Math.abs(service.length - host.length) <= 3)
      .slice(0, mostCompared);
    return `no service ${short(host)} is known${suggestion(short(host), alike.map(short))}`;
  }

  subsetsOf(host: Host): { readonly rules: readonly string[]; readonly names: ReadonlySet<string> } {
    const rules = this.rules.filter((rule) => covers(rule.host, host));
    return {
      rules: rules.map(nameOf),
      names: new Set(rules.flatMap(({ subsets }) => subsets.map(({ name }) => name))),
    };
  }
}

function judgeVirtualService(router: OfKind<"VirtualService">, world: World, tell: Told): void {
  const gateways = (names: readonly string[], path: FieldPath) => {
    for (const [index, name] of names.entries()) {
      if (name === "mesh" || world.gatewayNames.has(name)) continue;
      const near = suggestion(name, world.gatewayNames);
      tell([...path, index], "MSH1401", `there is no gateway ${name}${near}`);
    }
  };
  gateways(router.gateways, ["spec", "gateways"]);
  for (const [index, { delegate }] of router.http.entries()) {
    if (delegate) judgeDelegate(delegate, ["spec", "http", index, "delegate"], world, tell);
  }
  for (const [index, { mirrors }] of router.http.entries()) {
    for (const { said, destination } of mirrors) {
      const at = said === "mirror" ? ["mirror"] : ["mirrors", said, "destination"];
      judgeDestination(destination, ["spec", "http", index, ...at], "copies are lost until it is registered", {
        world,
        tell,
      });
    }
  }
  const routes = [...placed("http", router.http), ...placed("tls", router.tls), ...placed("tcp", router.tcp)];
  for (const { path, matches, destinations } of routes) {
    for (const [at, match] of matches.entries()) gateways(match.gateways, [...path, "match", at, "gateways"]);
    for (const [at, one] of destinations.entries()) {
      judgeDestination(one, [...path, "route", at, "destination"], "requests get 503 until it is registered", {
        world,
        tell,
      });
    }
    const sum = destinations.reduce((total, { weight }) => total + weight, 0);
    if (destinations.length > 1 && sum !== 100) {
      tell([...path, "route"], "MSH1404", `the weights add up to ${sum}, not 100; each gets its share of ${sum}`);
    }
  }
}

function judgeDelegate(ref: VirtualServiceRef, path: FieldPath, world: World, tell: Told): void {
  const key = `${ref.namespace}/${ref.name}`;
  const found = world.routers.find(({ namespace, name }) => `${namespace}/${name}` === key);
  if (found?.hosts.length === 0) return;
  if (found) tell(path, "MSH1407", `virtualservice ${key} has hosts of its own; what is delegated to has none`);
  else tell([...path, "name"], "MSH1407", `there is no virtualservice ${key}; such requests meet the next route`);
}

interface PlacedRoute {
  readonly path: FieldPath;
  readonly matches: readonly { readonly gateways: readonly string[] }[];
  readonly destinations: readonly Destination[];
}

function placed(field: string, routes: readonly Omit<PlacedRoute, "path">[]): readonly PlacedRoute[] {
  return routes.map(({ matches, destinations }, index) => ({ path: ["spec", field, index], matches, destinations }));
}

/** @param loss what becomes meanwhile of what goes to a host that nobody knows. */
function judgeDestination(
  { host, subset }: Destination,
  path: FieldPath,
  loss: string,
  { world, tell }: Pick<Judging, "world" | "tell">,
): void {
  const missing = world.missing(host);
  if (missing !== undefined) tell([...path, "host"], "MSH1402", `${missing}; ${loss}`);
  if (subset === undefined) return;
  const { rules, names } = world.subsetsOf(host);
  if (names.has(subset)) return;
  const where =
    rules.length > 0 ? `${rules.join(" and ")} has none${suggestion(subset, names)}` : "no DestinationRule is for it";
  tell([...path, "subset"], "MSH1403", `${host} has no subset ${subset}: ${where}`);
}

function judgeDestinationRule(rule: OfKind<"DestinationRule">, world: World, tell: Told): void {
  const missing = world.missing(rule.host);
  if (missing !== undefined && rule.host !== "*") tell(["spec", "host"], "MSH1402", missing);
}

function judgeServiceEntry(entry: OfKind<"ServiceEntry">, world: World, tell: Told): void {
  for (const [index, host] of entry.hosts.entries()) {
    const path = ["spec", "hosts", index];
    if (world.services?.has(host)) tell(path, "MSH1411", `${host} is a service of the mesh, which stays as it is`);
    for (const other of world.entries) {
      const same = keyOf(other) === keyOf(entry);
      if (same || !other.hosts.includes(host) || !meet(other.exportTo, entry.exportTo)) continue;
      tell(path, "MSH1411", `${host} is declared by ${nameOf(other)} too; merge the two`);
    }
  }
}

function judgePlainWords(object: PlainWords, world: World, tell: Told): void {
  const host = serviceHost(object.service);
  const missing = world.missing(host);
  if (missing !== undefined) tell(["spec", "service"], "MSH1402", missing);
  for (const other of world.plain) {
    if (other.kind !== object.kind || keyOf(other) === keyOf(object) || serviceHost(other.service) !== host) continue;
    tell(["spec", "service"], "MSH1408", `${nameOf(other)} is for ${object.service.name} too; merge the two`);
  }
}

function isPlain(object: MeshObject): object is PlainWords {
  return "service" in object;
}

function modelOf(resource: Resource, createdAtMs: number): MeshObject {
  return toModel({ resource, generation: 1, createdAtMs });
}

/** Of what the mesh has: it is judged against at every apply, and the same until it is applied again. */
const models = new WeakMap<Resource, { readonly createdAtMs: number; readonly objects: readonly MeshObject[] }>();

function understood(resource: Resource, createdAtMs: number): readonly MeshObject[] {
  const known = models.get(resource);
  if (known?.createdAtMs === createdAtMs) return known.objects;
  const objects = understoodAnew(resource, createdAtMs);
  models.set(resource, { createdAtMs, objects });
  return objects;
}

/** What is stored and no longer understood (a newer version's) is not judged. */
function understoodAnew(resource: Resource, createdAtMs: number): readonly MeshObject[] {
  try {
    return [modelOf(resource, createdAtMs)];
  } catch (cause) {
    if (cause instanceof WeftError && cause.code === "invalid") return [];
    throw cause;
  }
}

function keyOf(object: MeshObject): string {
  return objectKey(object);
}

function keyOfResource({ kind, metadata: { namespace, name } }: Resource): string {
  return objectKey({ kind, namespace, name });
}

function placeText({ file, line }: SourcePosition): string {
  return file === undefined ? `line ${line}` : `${file}:${line}`;
}

/** virtualservice default/reviews */
function nameOf({ kind, namespace, name }: MeshObject): string {
  return `${singularOf(kind)} ${namespace}/${name}`;
}
