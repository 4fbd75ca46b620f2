/**
 * Which ports a run uses: the defaults, and for each that is taken the one of the run before, else any free one. They
 * are remembered in the state directory, because bookmarks and terminals do.
 */
import { createServer } from "node:net";
import { type Decode, integer, object } from "../../platform/decode.ts";
import { WeftError } from "../../platform/error.ts";
import { defaultPorts, loopback, type PortName, type Ports } from "./plan.ts";

const names = Object.keys(defaultPorts).filter((name): name is PortName => name in defaultPorts);

/** Whether a port can be listened on now; 0 asks for any free one. undefined: it is taken. */
export type ProbePort = (port: number) => Promise<number | undefined>;

/** Prefers the default port of each name, then the remembered one, then any; no two names get the same. */
export async function choosePorts(remembered: Partial<Ports>, probe: ProbePort = probePort): Promise<Ports> {
  const chosen: Record<PortName, number> = { ...defaultPorts };
  const used = new Set<number>();
  for (const name of names) {
    const wanted = [defaultPorts[name], remembered[name]].filter((port) => port !== undefined && !used.has(port));
    chosen[name] = (await firstFree(wanted, probe)) ?? (await anyFree(used, probe));
    used.add(chosen[name]);
  }
  return chosen;
}

async function firstFree(wanted: readonly (number | undefined)[], probe: ProbePort): Promise<number | undefined> {
  for (const port of wanted) if (port !== undefined && (await probe(port)) !== undefined) return port;
  return undefined;
}

/** Also tells apart those that were chosen and are not listened on yet. */
export async function anyFree(used: ReadonlySet<number>, probe: ProbePort = probePort): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = await probe(0);
    if (port !== undefined && !used.has(port)) return port;
  }
  throw new WeftError({
    code: "unavailable",
    retry: "later",
    attempted: "find a free port",
    because: `nothing on ${loopback} can be listened on`,
  });
}

export function probePort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ host: loopback, port, exclusive: true }, () => {
      const address = server.address();
      const got = typeof address === "object" && address ? address.port : undefined;
      server.close(() => resolve(got));
    });
  });
}

const port = integer(1, 65_535);
const remembered: Decode<Partial<Ports>> = object(
  {},
  Object.fromEntries(names.map((name) => [name, port])) as Record<PortName, Decode<number>>,
);

/** What is no list of ports is as good as none. */
export function parsePorts(source: string | undefined): Partial<Ports> {
  try {
    return source === undefined ? {} : remembered(JSON.parse(source), "ports");
  } catch {
    return {};
  }
}
