/**
 * Which ports a run uses: for each name the default, or when it is taken that of the run before, else any free one. They
 * are remembered in the state directory, because bookmarks and terminals do. A start that lost one of them to another
 * program between its choice and its use chooses all of them anew, the defaults left out: whoever took one is likely to
 * want the others as well.
 */
import { type Decode, integer, object, parseJson } from "../../platform/decode.ts";
import { canBind, FreePorts, loopback, portRanges } from "../../platform/free_ports.ts";
import type { Random } from "../../platform/random.ts";
import { defaultPorts, type PortName, type Ports } from "./plan.ts";
import type { PortClaims } from "./port_claims.ts";

const names = Object.keys(defaultPorts).filter((name): name is PortName => name in defaultPorts);

/** Those that no other run of this user has claimed and nobody listens on. */
export function unclaimedPorts(claims: PortClaims, random: Random): FreePorts {
  return FreePorts.onThisMachine(portRanges.dev, random, async (at) => {
    if (!claims.claim(at.port)) return false;
    if (await canBind(at)) return true;
    claims.giveBack(at.port);
    return false;
  });
}

/** Of each name the first of `preferred` that is free, else any; no two names get the same. */
export async function choosePorts(preferred: readonly Partial<Ports>[], free: FreePorts): Promise<Ports> {
  const chosen: Record<PortName, number> = { ...defaultPorts };
  for (const name of names) {
    const wanted = preferred.flatMap((ports) => ports[name] ?? []);
    chosen[name] = (await firstFree(wanted, free)) ?? (await free.take()).port;
  }
  return chosen;
}

async function firstFree(wanted: readonly number[], free: FreePorts): Promise<number | undefined> {
  for (const port of wanted) if (await free.claim({ address: loopback, port })) return port;
  return undefined;
}

const port = integer(1, 65_535);
const remembered: Decode<Partial<Ports>> = object(
  {},
  Object.fromEntries(names.map((name) => [name, port])) as Record<PortName, Decode<number>>,
);

/** What is no list of ports is as good as none. */
export function parsePorts(source: string | undefined): Partial<Ports> {
  try {
    return source === undefined ? {} : parseJson(source, remembered, "ports");
  } catch {
    return {};
  }
}
