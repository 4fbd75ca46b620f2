/**
 * Free local ports, for whoever chooses one now and has somebody else listen on it a little later: a part of `dev`, a
 * workload's Envoy. They lie outside the range that the kernel hands to outgoing connections (one of those could take
 * the port while its owner is being started again), and none is given twice by one `FreePorts`. Whether another program
 * has a port is found out by binding it; between that and the owner's own bind somebody may still take it, so whoever
 * starts the owner must be ready to choose again.
 */
import { readFileSync } from "node:fs";
import { createServer, isIPv4 } from "node:net";
import { WeftError } from "./error.ts";
import { integerIn, type Random } from "./random.ts";

export const loopback = "127.0.0.1";

/** Whether it is an IP address that nothing but this machine can reach. */
export function isLoopback(address: string): boolean {
  return address === "::1" || (isIPv4(address) && address.startsWith("127."));
}

export interface PortAt {
  readonly address: string;
  readonly port: number;
}

/** First and last port, both included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Above the ports that people choose for applications, below Linux's default ephemeral range (32768 on). `dev` has its
 * usual ports below 15500; what it takes instead and what agents take are apart, since neither sees what the other has
 * chosen and not yet bound.
 */
export const portRanges = {
  dev: { first: 15_500, last: 17_999 },
  proxies: { first: 18_000, last: 31_999 },
} as const satisfies Readonly<Record<string, PortRange>>;

/** Ports of a range that are too few to work with. */
const fewPorts = 100;

/** The larger part of `from` that `ephemeral` leaves; `from` itself if it leaves too little to work with. */
export function outside(from: PortRange, ephemeral: PortRange): PortRange {
  const below = { first: from.first, last: Math.min(from.last, ephemeral.first - 1) };
  const above = { first: Math.max(from.first, ephemeral.last + 1), last: from.last };
  const larger = sizeOf(below) >= sizeOf(above) ? below : above;
  return sizeOf(larger) >= fewPorts ? larger : from;
}

function sizeOf(range: PortRange): number {
  return Math.max(0, range.last - range.first + 1);
}

function ephemeralRange(): PortRange {
  try {
    const [first = 32_768, last = 60_999] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8")
      .trim()
      .split(/\s+/)
      .map(Number);
    return { first, last };
  } catch {
    // No Linux: IANA's dynamic range.
    return { first: 49_152, last: 65_535 };
  }
}

export function canBind(at: PortAt): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ host: at.address, port: at.port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

export interface FreePortsParts {
  readonly range: PortRange;
  readonly random: Random;
  /** Whether nobody else has it. */
  mayHave(at: PortAt): Promise<boolean>;
}

export class FreePorts {
  readonly #parts: FreePortsParts;
  readonly #given = new Set<string>();
  #next: number;

  constructor(parts: FreePortsParts) {
    this.#parts = parts;
    // Several programs on one machine start at different places, so they seldom try the same port at the same time.
    this.#next = integerIn(parts.random, parts.range.first, parts.range.last + 1);
  }

  /** From this machine's part of the range. */
  static onThisMachine(range: PortRange, random: Random, mayHave: FreePortsParts["mayHave"] = canBind): FreePorts {
    return new FreePorts({ range: outside(range, ephemeralRange()), random, mayHave });
  }

  /** Any, at an address of this machine. */
  async take(address: string = loopback): Promise<PortAt> {
    for (let tries = 0; tries < sizeOf(this.#parts.range); tries++) {
      const at = { address, port: this.#step() };
      if (await this.claim(at)) return at;
    }
    const { first, last } = this.#parts.range;
    const because = `every port from ${first} to ${last} of ${address} is taken`;
    throw new WeftError({ code: "unavailable", retry: "later", attempted: "find a local port", because });
  }

  /** This one. @returns false: it was given before, or another program has it. */
  async claim(at: PortAt): Promise<boolean> {
    if (this.#given.has(keyOf(at))) return false;
    this.#given.add(keyOf(at));
    if (await this.#parts.mayHave(at)) return true;
    this.#given.delete(keyOf(at));
    return false;
  }

  /** One that its owner listens on already. */
  keep(at: PortAt): void {
    this.#given.add(keyOf(at));
  }

  release(at: PortAt): void {
    this.#given.delete(keyOf(at));
  }

  #step(): number {
    const port = this.#next;
    this.#next = port >= this.#parts.range.last ? this.#parts.range.first : port + 1;
    return port;
  }
}

function keyOf({ address, port }: PortAt): string {
  return `${address} ${port}`;
}
