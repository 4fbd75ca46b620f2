/**
 * How many nodes a state directory was made for. It stays so: a single nats-server's streams have one copy, and are not
 * seen by a cluster of three; of three copies, a single server would be left with a minority.
 */
import { existsSync } from "node:fs";
import { integer, object, parseJson } from "../../platform/decode.ts";
import { CommandFailure, exit } from "../exit.ts";
import type { DevSettings } from "./settings.ts";
import type { DevState } from "./state.ts";

const file = "shape.json";
const shape = object({ nodes: integer(1) });

export function keepShape(state: DevState, { nodes }: Pick<DevSettings, "nodes">): void {
  // Directories without the file were made when there was nothing but one node.
  const fresh = existsSync(state.path("nats-0")) ? { nodes: 1 } : { nodes };
  const kept = state.keep(file, () => JSON.stringify(fresh));
  const made = parseJson(kept, shape, file).nodes;
  if (made === nodes) return;
  throw new CommandFailure(
    exit.failed,
    `${state.root} was made with --nodes ${made}, and holds what ${made === 1 ? "one nats-server" : `${made} nats-servers`} stored; ` +
      `start it with --nodes ${made}, or give --nodes ${nodes} another --state-dir`,
  );
}
