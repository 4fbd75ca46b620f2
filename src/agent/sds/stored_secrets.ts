/**
 * Secrets that the mesh stores and a gateway names. They are fetched from a node when an Envoy asks for one, and again
 * when a heartbeat says that there is another version; they are held in memory alone. One that is not there is not
 * answered: the Envoy closes that server's connections, or goes on with what it had, until a heartbeat says that it has
 * come. Owned by the SecretServer.
 */
import type { StoredSecretReply } from "../../certificates/attestation/protocol.ts";
import { storedSecretFrom } from "../../model/secret_name.ts";
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import { certificateIn, type OfferedSecret, trustIn } from "./secrets.ts";

/** By the name of a secret. */
export type SecretVersions = Readonly<Record<string, string>>;

export interface StoredSecretsParts {
  readonly log: Logger;
  /** Names of secrets that Envoys ask for now, stored ones among them. */
  readonly asked: () => ReadonlySet<string>;
  readonly fetch: (name: string) => Promise<StoredSecretReply>;
  readonly offer: (secret: OfferedSecret) => void;
  readonly withdraw: (name: string) => void;
  /** Something of what is asked for turned out not to be there. */
  readonly lacking: () => void;
}

export class StoredSecrets {
  readonly #parts: StoredSecretsParts;
  readonly #held = new Map<string, string>();
  readonly #fetching = new Set<string>();
  /** Name → why it was not had the last time. */
  readonly #told = new Map<string, string>();
  #closed = false;

  constructor(parts: StoredSecretsParts) {
    this.#parts = parts;
  }

  /** Fetches what is asked for and not held. */
  look(): void {
    for (const name of this.#asked()) if (!this.#held.has(name)) this.#fetch(name);
  }

  /** What the nodes have of what this gateway may ask for: what is new there is fetched, what is gone is given up. */
  versions(now: SecretVersions): void {
    const versions = new Map(Object.entries(now));
    for (const name of [...this.#held.keys()].filter((held) => !versions.has(held))) {
      this.#held.delete(name);
      this.#parts.withdraw(name);
      this.#tell(name, "it is not there any more");
    }
    for (const name of this.#asked()) {
      const version = versions.get(name);
      if (version !== undefined && version !== this.#held.get(name)) this.#fetch(name);
    }
  }

  /** It could not be had the last time. */
  lacks(name: string): boolean {
    return this.#told.has(name);
  }

  /** undefined: not held. */
  versionOf(name: string): string | undefined {
    return this.#held.get(name);
  }

  close(): void {
    this.#closed = true;
  }

  #asked(): readonly string[] {
    const names = [...this.#parts.asked()].filter((name) => storedSecretFrom(name) !== undefined);
    for (const name of names.slice(limits.secretsPerProxy)) {
      this.#tell(name, `one proxy has ${limits.secretsPerProxy} stored secrets at most`);
    }
    return names.slice(0, limits.secretsPerProxy);
  }

  #fetch(name: string): void {
    if (this.#fetching.has(name) || this.#closed) return;
    this.#fetching.add(name);
    this.#parts
      .fetch(name)
      .then((reply) => this.#take(name, reply))
      .catch((cause) => this.#tell(name, WeftError.from(cause, `fetch ${name}`).message))
      .finally(() => this.#fetching.delete(name));
  }

  #take(name: string, { version, keyPair, authorities }: StoredSecretReply): void {
    if (this.#closed) return;
    this.#told.delete(name);
    this.#held.set(name, version);
    if (keyPair) this.#parts.offer(certificateIn(name, keyPair.chain, keyPair.key));
    else if (authorities !== undefined) this.#parts.offer(trustIn(name, authorities));
  }

  #tell(name: string, because: string): void {
    if (this.#told.get(name) === because) return;
    this.#told.set(name, because);
    this.#parts.log.warn("stored-secret-missing", { secret: name, because });
    this.#parts.lacking();
  }
}
