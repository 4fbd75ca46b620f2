/**
 * Local ports for proxies: on 127.0.0.1, outside the range that the kernel hands to outgoing connections (one of those
 * could take the port while its Envoy is being started again), and not given twice by this agent. Whether somebody else
 * has a port is found out by binding it.
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { LocalAddress } from "../model/workload.ts";
import { WeftError } from "../platform/error.ts";
import { integerIn, type Random } from "../platform/random.ts";

export const loopback = "127.0.0.1";

/** First and last port, both included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Above the ports that people choose for applications, below Linux's default ephemeral range (32768 on). */
const wanted: PortRange = { first: 15_000, last: 32_000 };

/** The larger part of `from` that `ephemeral` leaves; `from` itself if it leaves too little to work with. */
export function outside(from: PortRange, ephemeral: PortRange): PortRange {
  const below = { first: from.first, last: Math.min(from.last, ephemeral.first - 1) };
  const above = { first: Math.max(from.first, ephemeral.last + 1), last: from.last };
  const larger = sizeOf(below) >= sizeOf(above) ? below : above;
  return sizeOf(larger) >= 100 ? larger : from;
}

function sizeOf(range: PortRange): number {
  return Math.max(0, range.last - range.first + 1);
}

export function systemPortRange(): PortRange {
  return outside(wanted, ephemeralRange());
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

export function canBind(at: LocalAddress): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ host: at.address, port: at.port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

export interface PortParts {
  readonly range: PortRange;
  readonly random: Random;
  canBind(at: LocalAddress): Promise<boolean>;
}

export class PortAllocator {
  readonly #parts: PortParts;
  readonly #given = new Set<number>();
  #next: number;

  constructor(parts: PortParts) {
    this.#parts = parts;
    // Several agents on one machine start at different places, so they seldom try the same port at the same time.
    this.#next = integerIn(parts.random, parts.range.first, parts.range.last + 1);
  }

  async take(): Promise<LocalAddress> {
    for (let tries = 0; tries < sizeOf(this.#parts.range); tries++) {
      const at = { address: loopback, port: this.#step() };
      if (this.#given.has(at.port)) continue;
      this.#given.add(at.port);
      if (await this.#parts.canBind(at)) return at;
      this.#given.delete(at.port);
    }
    const { first, last } = this.#parts.range;
    const because = `every port from ${first} to ${last} is taken`;
    throw new WeftError({ code: "unavailable", retry: "later", attempted: "find a local port", because });
  }

  /** A port that an Envoy has already, or that a user named. */
  keep(at: LocalAddress): void {
    this.#given.add(at.port);
  }

  release(at: LocalAddress): void {
    this.#given.delete(at.port);
  }

  #step(): number {
    const port = this.#next;
    this.#next = port >= this.#parts.range.last ? this.#parts.range.first : port + 1;
    return port;
  }
}
