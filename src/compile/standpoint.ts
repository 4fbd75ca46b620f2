/**
 * Where a caller or an endpoint stands, as far as rules compare the two: its locality, its network, its labels. Callers that
 * stand alike in what a rule reads share what they see, so only that is kept of a caller. Pure.
 */
import type { Locality } from "../model/names.ts";
import { placeLabels } from "../model/traffic.ts";
import { labelsIn } from "./source.ts";

export interface Standpoint {
  /** "": not known. */
  readonly locality: Locality | "";
  /** The network among them; none of the region and the zone. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Of whom nothing is known. */
export const nobody: Standpoint = { locality: "", labels: {} };

/** What is read of callers. */
export interface Asks {
  readonly locality: boolean;
  /** Keys, without those that the locality says. */
  readonly labels: readonly string[];
}

/** @param labels keys that are asked for. */
export function standpointOf(
  who: {
    readonly locality: Locality;
    readonly network: string;
    readonly labels: Readonly<Record<string, string>>;
  },
  labels: readonly string[],
): Standpoint {
  if (labels.length === 0) return { locality: who.locality, labels: {} };
  const network = who.network === "" ? {} : { [placeLabels.network]: who.network };
  return { locality: who.locality, labels: labelsIn({ ...who.labels, ...network }, labels) };
}

/** "": it has none, or none is known. */
export function labelOf({ locality, labels }: Standpoint, name: string): string {
  if (name === placeLabels.region) return regionOf(locality);
  if (name === placeLabels.zone) return zoneOf(locality);
  return Object.hasOwn(labels, name) ? (labels[name] ?? "") : "";
}

export function saysLocality(name: string): boolean {
  return name === placeLabels.region || name === placeLabels.zone;
}

export function regionOf(locality: string): string {
  return locality.split("/")[0] ?? "";
}

export function zoneOf(locality: string): string {
  return locality.split("/")[1] ?? "";
}

/** What is asked of it, as a key. */
export function standpointText({ locality, labels }: Standpoint, asks: Asks): string {
  return JSON.stringify([asks.locality ? locality : "", Object.entries(labelsIn(labels, asks.labels))]);
}

export function standpointFrom(text: string): Standpoint {
  const [locality, labels] = JSON.parse(text) as [Locality | "", [string, string][]];
  return { locality, labels: Object.fromEntries(labels) };
}
