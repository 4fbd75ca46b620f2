/**
 * A cluster's endpoints as callers of one place see them: the nearest first, those first that share labels with the caller,
 * or by the shares that a DestinationRule gives the localities. Pure.
 */
import type { Locality } from "../model/names.ts";
import {
  type DestinationRule,
  type LocalityPattern,
  type LocalityShares,
  type PriorityLabel,
  type RegionSuccessor,
  settingsIn,
  type TrafficSettings,
} from "../model/traffic.ts";
import { localitiesOf } from "./assignments.ts";
import type { EndpointsItem, LocalityEndpoints } from "./ir.ts";
import { type Candidate, callerKeysOf, inOrder, keysOf, unshared } from "./priorities.ts";
import { type Asks, regionOf, type Standpoint, saysLocality, zoneOf } from "./standpoint.ts";

/** A cluster's endpoints, as far as they are asked for. */
export interface Seen {
  readonly item: () => EndpointsItem;
  /** @param labels keys that are read of them. */
  readonly candidates: (labels: readonly string[]) => readonly Candidate[];
}

export function seenFrom(seen: Seen, from: Standpoint, settings: TrafficSettings): EndpointsItem {
  const { locality: preference, outlierDetection } = settings;
  const item = seen.item();
  const { locality } = from;
  switch (preference?.kind) {
    case "distribute": {
      const shares = locality === "" ? undefined : preference.shares.find((one) => means(one.from, locality));
      return shares ? { ...item, localities: shared(item.localities, shares) } : item;
    }
    case "failover":
      // Without it Istio leaves localities alone; a health check does not stand for it, as not every port is asked one.
      return outlierDetection && locality !== "" ? ordered(item, locality, preference.regions) : item;
    case "labels": {
      if (!outlierDetection) return item;
      const { labels, regions } = preference;
      const rank = ranking(from, labels, regions);
      return { ...item, localities: inOrder(seen.candidates(keysOf(labels)), rank, localitiesOf) };
    }
    default:
      return item;
  }
}

/** What decides how callers see the endpoints; undefined: all see them alike. */
export function asksOf({ locality: preference, outlierDetection }: TrafficSettings): Asks | undefined {
  switch (preference?.kind) {
    case "distribute":
      return { locality: true, labels: [] };
    case "failover":
      return outlierDetection && { locality: true, labels: [] };
    case "labels": {
      const { labels, regions } = preference;
      const locality =
        regions !== undefined || labels.some(({ name, value }) => value === undefined && saysLocality(name));
      return outlierDetection && { locality, labels: callerKeysOf(labels) };
    }
    default:
      return undefined;
  }
}

/** Whether any of it says how callers see the endpoints. */
export function cares(rule: DestinationRule): boolean {
  return settingsIn(rule).some(({ locality }) => locality !== undefined && locality.kind !== "off");
}

/** Keys of labels of callers by which a rule orders endpoints. */
export function callerKeysIn(rule: DestinationRule): readonly string[] {
  return settingsIn(rule).flatMap(({ locality }) => (locality?.kind === "labels" ? callerKeysOf(locality.labels) : []));
}

/** Of localities; the last is that of others where a region has a successor. */
const distances = 4;

function ranking(
  from: Standpoint,
  labels: readonly PriorityLabel[],
  regions: readonly RegionSuccessor[] | undefined,
): (candidate: Candidate) => number {
  return ({ stands }) => {
    const far = regions === undefined || from.locality === "" ? 0 : distance(from.locality, stands.locality, regions);
    return unshared(labels, from, stands) * distances + far;
  };
}

function ordered(item: EndpointsItem, from: Locality, regions: readonly RegionSuccessor[]): EndpointsItem {
  const rank = ({ locality }: LocalityEndpoints): number => distance(from, locality, regions);
  return { ...item, localities: inOrder(item.localities, rank, (alike) => alike) };
}

/** The same zone, the same region, the region that comes after it, any other: 0 to 3. */
function distance(from: string, to: string, regions: readonly RegionSuccessor[]): number {
  const [here, there] = [regionOf(from), regionOf(to)];
  if (here === there) return zoneOf(from) === zoneOf(to) ? 0 : 1;
  const successor = regions.find((one) => one.from === here)?.to;
  return successor === undefined || successor === there ? 2 : 3;
}

/** So that the smallest endpoint of a large locality has a share above 0, and all of them fit into 32 bits. */
const finest = 1_000_000;

/** The share of a pattern is divided among its localities by the weights of their endpoints. */
function shared(localities: readonly LocalityEndpoints[], { to }: LocalityShares): readonly LocalityEndpoints[] {
  const claimed = localities.flatMap((one) => {
    const claim = to.find(({ pattern }) => means(pattern, one.locality));
    return claim ? { one, claim, weight: weightOf(one) } : [];
  });
  return claimed.map(({ one, claim, weight }) => {
    const whole = claimed.filter((other) => other.claim === claim).reduce((sum, other) => sum + other.weight, 0);
    return { ...one, share: Math.max(1, Math.round((claim.percent * finest * weight) / whole)) };
  });
}

function weightOf({ endpoints }: LocalityEndpoints): number {
  return endpoints.reduce((sum, { weight }) => sum + weight, 0);
}

function means({ region, zone }: LocalityPattern, locality: Locality): boolean {
  return (region === undefined || region === regionOf(locality)) && (zone === undefined || zone === zoneOf(locality));
}
