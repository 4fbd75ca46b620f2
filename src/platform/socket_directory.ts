/**
 * Where a program's Unix sockets lie. A socket's path is short by nature, a state directory's need not be, so when it
 * is too long a directory whose name is a hash of it takes its place. Either is entered by this user alone; one that
 * somebody else made is refused.
 */
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WeftError } from "./error.ts";
import { limits } from "./limits.ts";

export interface SocketPlace {
  /** Where sockets should be. */
  readonly directory: string;
  /** Bytes of the longest socket's name in it. */
  readonly nameBytes: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The directory to use; not made yet. */
export function socketDirectory({ directory, nameBytes, environment }: SocketPlace): string {
  if (Buffer.byteLength(directory) + "/".length + nameBytes <= limits.socketPathBytes) return directory;
  return join(environment.XDG_RUNTIME_DIR || tmpdir(), `weft-${shortHash(directory)}`);
}

export function makePrivateDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const found = lstatSync(path);
  const ours = found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0;
  if (ours) return;
  const because = "it is not a directory that this user alone may enter";
  const next = "remove it, or choose a shorter state directory";
  throw new WeftError({ code: "denied", retry: "never", attempted: `use ${path}`, because, next });
}

/** Characters that `shortHash` answers. */
export const shortHashLength = 16;

export function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, shortHashLength);
}
