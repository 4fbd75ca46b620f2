/**
 * The in-memory twin of a JetStream server: two streams, to which any number of nodes open a store. It lives as long as
 * the object does, so a node may stop and open another store on the same truth. For tests, the simulator, and whoever
 * needs a Store without a server; held to the same conformance suite as JetStream's.
 */
import type { Clock } from "../../platform/clock.ts";
import { type Random, shortId } from "../../platform/random.ts";
import { newestFormat, type RecordFormat } from "../record_format.ts";
import type { RecordKey, Store, StreamName } from "../store.ts";
import { type MemoryFaults, noFaults } from "./faults.ts";
import { MemoryStore } from "./store.ts";
import { MemoryStream } from "./stream.ts";

export interface MemoryServerOptions {
  readonly clock: Clock;
  /** Decides faults and names; a seeded one makes every run of one seed alike. */
  readonly random: Random;
  readonly faults?: Partial<MemoryFaults>;
}

/** What stands between one node and the server; what is left out is the server's own. */
export interface NodeDoor {
  /** The node's own time: its waits, and when an answer reaches it. */
  readonly clock?: Clock;
  /** Time of what is under way to the server, whatever became of the node that sent it. */
  readonly wire?: Clock;
  readonly random?: Random;
  readonly faults?: MemoryFaults;
  /** While it answers true no tail of this node passes anything; `wakeTails` when that ends. */
  readonly tailsPaused?: () => boolean;
  /** What it writes records in; the newest. */
  readonly format?: () => RecordFormat;
}

export class MemoryServer {
  readonly #clock: Clock;
  readonly #random: Random;
  /** Those of every store that is opened without its own. */
  readonly faults: MemoryFaults;
  readonly #streams: Record<StreamName, MemoryStream>;
  #paused = false;
  readonly #recreated = new Set<(stream: StreamName) => void>();

  constructor({ clock, random, faults }: MemoryServerOptions) {
    this.#clock = clock;
    this.#random = random;
    this.faults = { ...noFaults, ...faults };
    this.#streams = { records: this.#made(), endpoints: this.#made() };
  }

  /** A node's store. Closing it leaves the server as it is. */
  open(door: NodeDoor = {}): Store {
    const { clock = this.#clock, wire, random = this.#random, faults = this.faults, tailsPaused } = door;
    return new MemoryStore({
      format: door.format ?? (() => newestFormat),
      clock,
      wire: wire ?? clock,
      random,
      faults,
      stream: (name) => this.#streams[name],
      tailsPaused: () => this.#paused || (tailsPaused?.() ?? false),
      onRecreated: (listener) => {
        this.#recreated.add(listener);
        return () => this.#recreated.delete(listener);
      },
    });
  }

  /** Deletes a stream and makes it again, empty, with another incarnation. */
  recreate(stream: StreamName): void {
    this.#streams[stream] = this.#made();
    for (const listener of this.#recreated) listener(stream);
  }

  /** No tail passes anything until `resumeTails`: the nodes are cut off, writes go on. */
  pauseTails(): void {
    this.#paused = true;
  }

  resumeTails(): void {
    this.#paused = false;
    this.wakeTails();
  }

  /** Lets every tail look whether it may pass something. */
  wakeTails(): void {
    for (const stream of Object.values(this.#streams)) stream.wake();
  }

  /** What the leader holds, for whoever checks what became of it. */
  stream(name: StreamName): MemoryStream {
    return this.#streams[name];
  }

  /** Bytes at `key` that another program wrote. */
  overwrite(stream: StreamName, key: RecordKey, payload: Uint8Array): void {
    this.#streams[stream].overwrite(key, payload);
  }

  #made(): MemoryStream {
    return new MemoryStream(shortId(this.#random, 16));
  }
}

/** One store on a server of its own. */
export function openMemoryStore(options: MemoryServerOptions): Store {
  return new MemoryServer(options).open();
}
