/**
 * Secrets that are files on this host: what Gateways tell a gateway to end TLS with. Read when an Envoy asks for one, and
 * again every limits.secretFilePollMs as long as one does, so that a file that is written, moved or linked anew takes
 * effect without a word to anybody. What cannot be read is told once and not answered: the Envoy goes on with what it had,
 * and closes that server's connections if it had nothing. Owned by the SecretServer.
 */
import { readFile, stat } from "node:fs/promises";
import { type FileSecret, fileSecretFrom } from "../../model/secret_name.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import { certificateIn, type OfferedSecret, trustIn } from "./secrets.ts";

export interface FileSecretsParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Names of secrets that Envoys ask for now, those of files among them. */
  readonly asked: () => ReadonlySet<string>;
  readonly offer: (secret: OfferedSecret) => void;
  /** Something of what is asked for turned out not to be there. */
  readonly lacking: () => void;
}

export class FileSecrets {
  readonly #parts: FileSecretsParts;
  readonly #reading = new Set<string>();
  /** Name → why it could not be read the last time. */
  readonly #told = new Map<string, string>();
  #timer: Timer | undefined;
  #closed = false;

  constructor(parts: FileSecretsParts) {
    this.#parts = parts;
  }

  /** Looks for all that is asked for. */
  look(): void {
    const names = [...this.#parts.asked()].filter((name) => fileSecretFrom(name) !== undefined);
    for (const name of names.slice(0, limits.secretsPerProxy)) {
      this.#read(name).catch((cause) => this.#tell(name, WeftError.from(cause, `read ${name}`).message));
    }
    for (const name of names.slice(limits.secretsPerProxy)) {
      this.#tell(name, `one proxy has ${limits.secretsPerProxy} secrets from files at most`);
    }
    if (names.length > 0 && !this.#closed) {
      this.#timer ??= this.#parts.clock.every(limits.secretFilePollMs, () => this.look());
    }
  }

  /** It could not be read the last time. */
  lacks(name: string): boolean {
    return this.#told.has(name);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  async #read(name: string): Promise<void> {
    const secret = fileSecretFrom(name);
    if (!secret || this.#reading.has(name)) return;
    this.#reading.add(name);
    try {
      const found = await contentsOf(name, secret);
      if (this.#closed) return;
      this.#told.delete(name);
      this.#parts.offer(found);
    } finally {
      this.#reading.delete(name);
    }
  }

  #tell(name: string, because: string): void {
    if (this.#told.get(name) === because) return;
    this.#told.set(name, because);
    this.#parts.log.warn("secret-file-unread", { secret: name, because });
    this.#parts.lacking();
  }
}

async function contentsOf(name: string, secret: FileSecret): Promise<OfferedSecret> {
  if (secret.kind === "trust") return trustIn(name, await textOf(secret.authorities));
  return certificateIn(name, await textOf(secret.certificate), await textOf(secret.privateKey));
}

async function textOf(path: string): Promise<string> {
  const { size } = await stat(path);
  if (size > limits.secretFileBytes) {
    throw new WeftError({
      code: "too-large",
      retry: "later",
      attempted: `read ${path}`,
      because: `it has ${size} bytes; a certificate or key has ${limits.secretFileBytes} at most`,
    });
  }
  return await readFile(path, "utf8");
}
