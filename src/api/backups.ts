/** What the API needs of whoever takes and restores backups (meshd, over store/backup/). */
import type { BackupManifest, KeyDerivation } from "../model/backup.ts";
import type { Secret } from "../platform/log.ts";

export interface RestoreOptions {
  readonly who: string;
  /** Replaces what is there, if there is anything. */
  readonly force: boolean;
  /** Leaves the backup's authority out: the mesh keeps the root that it has, and every host joins anew. */
  readonly newAuthority: boolean;
  /** Checks everything, writes nothing. */
  readonly dryRun: boolean;
}

export interface Restored {
  readonly manifest: BackupManifest;
  /** Of what was written; of what is there, when nothing was. */
  readonly revision: string;
  /** Records that were, or would be, written. */
  readonly records: number;
  readonly warnings: readonly string[];
}

export interface Backups {
  /** Everything is read before the first byte is given out. */
  take(
    key: { readonly derivation: KeyDerivation; readonly key: Secret<Uint8Array> },
    signal: AbortSignal,
  ): Promise<Iterable<Uint8Array>>;
  /** Everything is read and checked before the first record is written; rejects without a trace otherwise. */
  restore(
    file: AsyncIterable<Uint8Array>,
    key: Secret<Uint8Array>,
    options: RestoreOptions,
    signal: AbortSignal,
  ): Promise<Restored>;
}
