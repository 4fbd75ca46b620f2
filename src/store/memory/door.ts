/** What a MemoryServer gives each node: the streams behind one door, and the faults that stand in it. */
import type { Clock } from "../../platform/clock.ts";
import type { Random } from "../../platform/random.ts";
import type { RecordFormat } from "../record_format.ts";
import type { StreamName } from "../store.ts";
import type { MemoryFaults } from "./faults.ts";
import type { MemoryStream } from "./stream.ts";

export interface MemoryDoor {
  readonly clock: Clock;
  /** Time of what is under way: it goes on while the node stands still. */
  readonly wire: Clock;
  readonly random: Random;
  readonly faults: MemoryFaults;
  /** What this node writes records in. */
  readonly format: () => RecordFormat;
  stream(name: StreamName): MemoryStream;
  tailsPaused(): boolean;
  onRecreated(listener: (stream: StreamName) => void): () => void;
}
