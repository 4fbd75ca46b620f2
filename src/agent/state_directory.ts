/**
 * The agent's files. A write is atomic (a new file, then a rename), so whoever reads, also Envoy and an agent that was
 * started again after a crash, sees the old text or the new one. Directories are for this user alone.
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

  write(name: string, text: string, mode: number): void {
    const path = this.path(name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const fresh = `${path}.new`;
    writeFileSync(fresh, text, { mode });
    chmodSync(fresh, mode);
    renameSync(fresh, path);
  }

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
