/**
 * A program's own directory. A file is replaced whole (a new one, then a rename), so whoever reads, also a program that
 * was started again after a crash, sees the old text or the new one. Directories are for this user alone, and so is a
 * file unless its mode says otherwise.
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

export class StateDirectory {
  readonly root: string;

  constructor(root: string) {
    this.root = resolve(root);
    mkdirSync(this.root, { recursive: true, mode: 0o700 });
  }

  path(...parts: readonly string[]): string {
    return join(this.root, ...parts);
  }

  /** undefined: there is no such file. */
  read(name: string): string | undefined {
    try {
      return readFileSync(this.path(name), "utf8");
    } catch (cause) {
      if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
      throw cause;
    }
  }

  /** On disk when this returns: what is kept here (a host key, a password) may be known elsewhere by then. */
  write(name: string, text: string, mode = 0o600): void {
    const path = this.path(name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const fresh = `${path}.new`;
    writeFileSync(fresh, text, { mode, flush: true });
    chmodSync(fresh, mode);
    renameSync(fresh, path);
  }

  /** Empty: there is no such directory. */
  list(name: string): readonly string[] {
    try {
      return readdirSync(this.path(name)).sort();
    } catch {
      return [];
    }
  }

  remove(name: string): void {
    rmSync(this.path(name), { recursive: true, force: true });
  }
}
