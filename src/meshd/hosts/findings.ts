/**
 * What `meshctl check` says of silent hosts: whose endpoints are withheld, and what stays in force though nobody hears
 * it; and of endpoints that other hosts cannot reach. Pure.
 */
import type { WithheldHost } from "../../actors/kinds/host_sessions.ts";
import { unreachableIn } from "../../actors/kinds/service.ts";
import { sourceOfHost } from "../../api/agents/register.ts";
import type { Finding } from "../../api/ports.ts";
import { mergeShards } from "../../compile/merge.ts";
import { inForce, type Silent } from "../../compile/withholding.ts";
import type { EndpointShard } from "../../model/endpoint.ts";
import { serviceKey } from "../../model/names.ts";
import type { MeshRecord } from "../mesh_record.ts";
import type { Guarded } from "./host_watch.ts";

/** Sources whose host has gone silent. */
export function silentSources(withheld: readonly WithheldHost[]): ReadonlyMap<string, Silent> {
  return new Map(withheld.map(({ host, settled }) => [sourceOfHost(host), settled ? "long" : "lately"]));
}

export function withheldFindings(
  withheld: readonly WithheldHost[],
  shards: Iterable<EndpointShard>,
): readonly Finding[] {
  if (withheld.length === 0) return [];
  const hosts = withheld.map(({ host, sinceMs }): Finding => {
    const message = `no node hears it; its endpoints are withheld since ${new Date(sinceMs).toISOString()}`;
    const next = "look at the machine; they are back as soon as its mesh-agent or a proxy there speaks";
    return { part: `host ${host}`, state: "failed", message, next };
  });
  const silent = silentSources(withheld);
  const byService = Map.groupBy(shards, ({ service }) => serviceKey(service));
  const services = [...byService].flatMap(([service, all]): readonly Finding[] => {
    const { because } = inForce(mergeShards(all, (source) => silent.get(source)).endpoints);
    if (!because) return [];
    const what = because === "the last" ? "no healthy one would be left" : "they are more than half of its endpoints";
    return [
      { part: `service ${service}`, state: "warning", message: `endpoints of silent hosts stay in force: ${what}` },
    ];
  });
  return [...hosts, ...services];
}

export function verdictFindings(services: Iterable<MeshRecord>): readonly Finding[] {
  return [...services].flatMap((held): readonly Finding[] => {
    const bad = held.kind === "service" ? unreachableIn(held.state) : [];
    if (held.kind !== "service" || bad.length === 0) return [];
    const message = `other hosts cannot reach ${bad.join(", ")}: unhealthy until one can, or for a while`;
    const next = "look at the network between the hosts, and at that proxy";
    return [{ part: `service ${serviceKey(held.service)}`, state: "warning", message, next }];
  });
}

export function guardFindings(guarded: Guarded | undefined): readonly Finding[] {
  if (!guarded) return [];
  const message = `${guarded.silent} of ${guarded.hosts} are silent together; nothing is withheld, it ends when most speak again`;
  return [{ part: "hosts", state: "failed", message, next: "can the agents reach the nodes' agent ports?" }];
}
