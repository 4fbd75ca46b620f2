/**
 * A cluster's endpoints as callers of one locality see them: the nearest first, or by the shares that a DestinationRule
 * gives the localities. Pure.
 */
import type { Locality } from "../model/names.ts";
import type { LocalityPattern, LocalityPreference, LocalityShares, TrafficSettings } from "../model/traffic.ts";
import type { EndpointsItem, LocalityEndpoints } from "./ir.ts";

/** @returns the item itself where the caller's locality makes no difference. */
export function seenFrom(item: EndpointsItem, from: Locality, settings: TrafficSettings): EndpointsItem {
  const { locality: preference, outlierDetection } = settings;
  switch (preference?.kind) {
    case "distribute": {
      const shares = preference.shares.find((one) => means(one.from, from));
      return shares ? { ...item, localities: shared(item.localities, shares) } : item;
    }
    case "failover":
      // Without it Istio leaves localities alone; a health check does not stand for it, as not every port is asked one.
      return outlierDetection ? ordered(item, from, preference.regions) : item;
    default:
      return item;
  }
}

/** Whether callers of some localities may see other endpoints than the mesh. */
export function prefers({ locality, outlierDetection }: TrafficSettings): boolean {
  return locality?.kind === "distribute" || (locality?.kind === "failover" && outlierDetection !== undefined);
}

type Regions = Extract<LocalityPreference, { readonly kind: "failover" }>["regions"];

function ordered(item: EndpointsItem, from: Locality, regions: Regions): EndpointsItem {
  const distances = item.localities.map(({ locality }) => distance(from, locality, regions));
  // Envoy wants them without gaps.
  const ranks = [...new Set(distances)].sort((a, b) => a - b);
  if (ranks.length < 2) return item;
  const localities = item.localities.map((one, at) => {
    const priority = ranks.indexOf(distances[at] ?? 0);
    return priority === 0 ? one : { ...one, priority };
  });
  return { ...item, localities };
}

/** The same zone, the same region, the region that comes after it, any other. */
function distance(from: Locality, to: Locality, regions: Regions): number {
  const [here, there] = [partsOf(from), partsOf(to)];
  if (here.region === there.region) return here.zone === there.zone ? 0 : 1;
  const successor = regions.find((one) => one.from === here.region)?.to;
  return successor === undefined || successor === there.region ? 2 : 3;
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
  const parts = partsOf(locality);
  return (region === undefined || region === parts.region) && (zone === undefined || zone === parts.zone);
}

function partsOf(locality: Locality): { readonly region: string; readonly zone: string } {
  const [region = "", zone = ""] = locality.split("/");
  return { region, zone };
}
