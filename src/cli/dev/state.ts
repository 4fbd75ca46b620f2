/**
 * The state directory of a mesh on this machine. Everything in it is this user's alone.
 *
 *   dev.json          the running mesh (mesh_file.ts); gone when it has ended
 *   lock              which `dev` has the directory
 *   processes.json    what runs, for the next start to end if this one cannot (ledger.ts)
 *   ports.json        the ports of the last run
 *   nats-credentials.json, nats-0.conf, nats-0/  the nats-server's accounts, configuration, data
 *   mesh.mark         tells this mesh from others on the machine
 *   authority.key     wraps the certificate authority's keys in the store
 *   meshd-0/, agent-0/, agent-0.token            each part's own
 *   shape.json        how many nodes it was made for (shape.ts)
 *   logs/NAME.log     standard error of each part; NAME.log.1 is the run before
 */
import { chmodSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makePrivateDirectory, socketDirectory } from "../../platform/socket_directory.ts";
import { StateDirectory } from "../../platform/state_directory.ts";

export class DevState extends StateDirectory {
  constructor(root: string) {
    super(root);
    mkdirSync(this.path("logs"), { recursive: true, mode: 0o700 });
    chmodSync(this.root, 0o700);
  }

  /** What the file holds; made by `make` at the first start. */
  keep(name: string, make: () => string): string {
    const held = this.read(name);
    if (held !== undefined) return held;
    const made = make();
    this.write(name, made);
    return made;
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
    const file = `${name}.sock`;
    const place = { directory: this.root, nameBytes: Buffer.byteLength(file), environment: process.env };
    const directory = socketDirectory(place);
    if (directory !== this.root) makePrivateDirectory(directory);
    return join(directory, file);
  }
}
