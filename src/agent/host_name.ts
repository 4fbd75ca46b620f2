/**
 * The name by which this host is known to the mesh. It stands in the agent's identity and in every record of the host,
 * so a state directory keeps the one that it joined by: a machine that is renamed goes on under its old name, and one
 * that is asked for and is another is refused.
 */
import { isHostName } from "../certificates/attestation/host_record.ts";
import { object, parseJson, text } from "../platform/decode.ts";
import { WeftError } from "../platform/error.ts";
import type { StateDirectory } from "../platform/state_directory.ts";

const file = "host.json";
const kept = object({ name: text(253) });

/** undefined: it has not joined a mesh yet. */
export function keptHostName(state: StateDirectory): string | undefined {
  const stored = state.read(file);
  return stored === undefined ? undefined : parseJson(stored, kept, state.path(file)).name;
}

/**
 * @param asked by the user; @param machine to be used if nothing else is known
 * @throws WeftError that names the old name when another is asked for
 */
export function hostNameFor(state: StateDirectory, asked: string | undefined, machine: string): string {
  const name = keptHostName(state);
  if (name === undefined) return asked ?? usable(machine);
  if (asked === undefined || asked === name) return name;
  throw new WeftError({
    code: "conflict",
    retry: "never",
    attempted: `be host ${asked}`,
    because: `${state.root} is that of host ${name}, by which the mesh knows its key`,
    next: `leave --host-name ${asked} out, or join as another host from another --state-dir`,
  });
}

/** It stands in a SPIFFE ID. */
function usable(machine: string): string {
  if (isHostName(machine)) return machine;
  const because = `the machine's name, ${machine}, cannot be this host's in the mesh`;
  throw new WeftError({
    code: "invalid",
    retry: "never",
    attempted: "start",
    because,
    next: "give one by --host-name",
  });
}

/** Once a mesh knows the host by it. */
export function keepHostName(state: StateDirectory, name: string): void {
  if (keptHostName(state) !== name) state.write(file, JSON.stringify({ name }), 0o644);
}
