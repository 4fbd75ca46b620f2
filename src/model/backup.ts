/**
 * What meshctl and a node both know of a backup's file: its first two lines, how its key is made, and the words of the
 * API around it. What follows in the file only nodes read and write (store/backup/).
 *
 *   weft-backup 1
 *   {"derivation":…,"fileId":…,"keyCheck":…}
 *   chunks
 *
 * The secret (a key file, a passphrase) stays with the user: meshctl makes of it, with the salt in the header, a key for
 * this one file, and sends the node that key. So a node, or whoever listens to it, never learns how to open another file.
 */
import { integer, list, literal, object, record, text, union } from "../platform/decode.ts";

export const backupFirstLine = "weft-backup 1";
export const backupMediaType = "application/vnd.weft.backup";
/** Carries the file's key, base64, when a file is sent to a node. */
export const backupKeyHeader = "weft-backup-key";
/** Bytes of the two lines, at most. */
export const backupHeaderBytes = 4 * 1024;
export const backupKeyBytes = 32;

const salt = text(64, /^[A-Za-z0-9+/]{43}=$/);

/** Bounded above, because a file that asks for terabytes of memory may come from anybody. */
export const decodeKeyDerivation = union("from", {
  /** HKDF-SHA-256 of the key file's bytes. */
  "key-file": object({ salt }),
  /** scrypt (RFC 7914); cost is N. */
  passphrase: object({ salt, cost: integer(2 ** 14, 2 ** 18), blockSize: literal(8), parallelization: literal(1) }),
});

export type KeyDerivation = ReturnType<typeof decodeKeyDerivation>;

export const decodeBackupHeader = object({
  derivation: decodeKeyDerivation,
  /** Drawn by the node: two files never share the key of their chunks, even if they were given one key. */
  fileId: salt,
  /** Tells a wrong key from a damaged file. */
  keyCheck: text(64, /^[0-9a-f]{16}$/),
});

export type BackupHeader = ReturnType<typeof decodeBackupHeader>;

/** What a file says of itself when it is open. */
const manifest = {
  cluster: text(64),
  trustDomain: text(255),
  takenAtMs: integer(0),
  /** What the mesh was at, in its own store; tokens of it mean nothing after a restore. */
  revision: text(160),
  records: integer(0),
  /** Record's kind → how many. */
  kinds: record(integer(0), 1_000),
  /** Keys of records that this version could not read, and so left out. */
  unreadable: list(text(4_096)),
};

export const decodeBackupManifest = object(manifest, {
  /** Entries of the log that were older than what a backup holds of it. Absent: none. */
  logLeftOut: integer(1),
});

export type BackupManifest = ReturnType<typeof decodeBackupManifest>;
