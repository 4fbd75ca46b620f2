/**
 * A sidecar's ways in: the ports that its workload was run with, as the Sidecar that holds for it changes them. A port that
 * its ingress does not name stays as it was run. Pure.
 */
import type { Protocol } from "../model/protocol.ts";
import type { ApplicationAddress, Sidecar } from "../model/sidecar.ts";
import type { ConnectionPool } from "../model/traffic.ts";
import type { InboundPort, SidecarWorkload } from "../model/workload.ts";
import type { ApplicationUpstream } from "./ir.ts";
import { type Sidecars, sidecarsFor } from "./scope.ts";

export interface WayIn extends InboundPort {
  /** What callers were told that the port speaks. */
  readonly told: Protocol;
  readonly application: ApplicationUpstream;
  readonly pool: ConnectionPool;
}

/** What is left of Sidecars for those who ask for the way in; nothing, where none says anything of it. */
export function inboundOnly({ own, root }: Sidecars): Sidecars {
  const saying = [...own, ...root].some(({ ingress, inboundPool }) => ingress || inboundPool);
  return saying ? { own: own.map(withoutEgress), root: root.map(withoutEgress) } : { own: [], root: [] };
}

function withoutEgress({ egress: _egress, outboundTrafficPolicy: _policy, ...rest }: Sidecar): Sidecar {
  return rest;
}

/** By the narrowest Sidecar alone. */
export function waysIn(workload: SidecarWorkload, sidecars: Sidecars): readonly WayIn[] {
  const [sidecar] = sidecarsFor(sidecars, workload);
  return workload.inbound.map((port) => {
    const ingress = sidecar?.ingress?.find((one) => one.port === port.appPort);
    return {
      ...port,
      told: port.protocol,
      ...(ingress ? { protocol: ingress.protocol } : {}),
      application: ingress?.to ? applicationAt(ingress.to, port) : { kind: "application", port: port.appPort },
      pool: ingress?.pool ?? sidecar?.inboundPool ?? {},
    };
  });
}

function applicationAt(to: ApplicationAddress, { listen }: InboundPort): ApplicationUpstream {
  switch (to.kind) {
    case "loopback":
      return { kind: "application", port: to.port, ...(to.version === 6 ? { address: "::1" } : {}) };
    case "instance":
      return { kind: "application", port: to.port, address: listen.address };
    case "socket":
      return { kind: "socket", path: to.path };
  }
}
