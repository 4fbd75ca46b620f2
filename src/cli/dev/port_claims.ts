/**
 * Which ports the `dev`s of this user have or are about to have. A port is chosen seconds before its part listens on it,
 * and is nobody's again while that part is started again, so looking whether it can be bound is not enough: one lock
 * file a port, in a directory that all of this user's runs share. Where that cannot be had, looking has to do.
 */
import { join } from "node:path";
import { type Locked, takeLock } from "../../platform/process_lock.ts";
import { makePrivateDirectory } from "../../platform/socket_directory.ts";

export class PortClaims {
  readonly #directory: string | undefined;
  readonly #held = new Map<number, () => void>();

  constructor(directory: string | undefined = sharedDirectory()) {
    this.#directory = directory;
  }

  /** False: another run has it. */
  claim(port: number): boolean {
    const locked = this.#directory === undefined ? undefined : lockOrNobody(join(this.#directory, String(port)));
    if (locked?.kind === "taken") this.#held.set(port, locked.giveBack);
    return locked?.kind !== "held";
  }

  giveBack(port: number): void {
    this.#held.get(port)?.();
    this.#held.delete(port);
  }

  giveAllBack(): void {
    for (const port of [...this.#held.keys()]) this.giveBack(port);
  }
}

/** Not in TMPDIR, which may be one run's own. */
function sharedDirectory(): string | undefined {
  const directory = `/tmp/weft-${process.getuid?.() ?? "user"}-ports`;
  try {
    makePrivateDirectory(directory);
    return directory;
  } catch {
    return undefined;
  }
}

/** undefined: it cannot be known, as on a full disk. */
function lockOrNobody(path: string): Locked | undefined {
  try {
    return takeLock(path);
  } catch {
    return undefined;
  }
}
