/**
 * The state directory of a mesh on this machine. Everything in it is this user's alone. A file is replaced whole, so a
 * reader, or the next start after a crash, sees the old one or the new one.
 *
 *   dev.json          the running mesh (mesh_file.ts); gone when it has ended
 *   lock              which `dev` has the directory
 *   processes.json    what runs, for the next start to end if this one cannot (ledger.ts)
 *   ports.json        the ports of the last run
 *   nats-credentials.json, nats-0.conf, nats-0/  the nats-server's accounts, configuration, data
 *   authority.key     wraps the certificate authority's keys in the store
 *   meshd-0/, agent-0/, agent-0.token            each part's own
 *   compile-cache/    Node's, so that the parts start faster
 *   logs/NAME.log     standard error of each part; NAME.log.1 is the run before
 */
import { createHash } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";

export class DevState {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
    mkdirSync(join(root, "logs"), { recursive: true, mode: 0o700 });
    chmodSync(root, 0o700);
  }

  path(...parts: readonly string[]): string {
    return join(this.root, ...parts);
  }

  /** undefined: there is no such file. */
  read(name: string): string | undefined {
    return this.#readBytes(name)?.toString("utf8");
  }

  write(name: string, content: string | Uint8Array): void {
    const fresh = this.path(`${name}.new`);
    writeFileSync(fresh, content, { mode: 0o600 });
    renameSync(fresh, this.path(name));
  }

  remove(name: string): void {
    rmSync(this.path(name), { recursive: true, force: true });
  }

  /** What the file holds; made by `make` at the first start. */
  keep(name: string, make: () => string | Uint8Array): Uint8Array {
    const held = this.#readBytes(name);
    if (held) return held;
    const made = make();
    this.write(name, made);
    return Buffer.from(made);
  }

  directory(name: string): string {
    const path = this.path(name);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  }

  /** An empty log for this run; the last run's is kept beside it. */
  log(name: string): string {
    const path = this.path("logs", `${name}.log`);
    try {
      renameSync(path, `${path}.1`);
    } catch {
      // The first run.
    }
    writeFileSync(path, "", { mode: 0o600 });
    return path;
  }

  /** Path of a Unix socket: here, or in a directory of this user's alone where paths are shorter. */
  socket(name: string): string {
    const here = this.path(`${name}.sock`);
    if (Buffer.byteLength(here) <= limits.socketPathBytes) return here;
    const mark = createHash("sha256").update(this.root).digest("hex").slice(0, 12);
    const directory = join(tmpdir(), `weft-${process.getuid?.() ?? "user"}-${mark}`);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const { uid, mode } = lstatSync(directory);
    if (uid !== process.getuid?.() || (mode & 0o077) !== 0) {
      throw new WeftError({
        code: "denied",
        retry: "never",
        attempted: `make a socket for ${this.root}`,
        because: `${directory} is open to others`,
        next: "remove it, or choose a shorter --state-dir",
      });
    }
    return join(directory, `${name}.sock`);
  }

  #readBytes(name: string): Buffer | undefined {
    try {
      return readFileSync(this.path(name));
    } catch (cause) {
      if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
      throw cause;
    }
  }
}
