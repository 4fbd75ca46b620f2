/**
 * Join tokens and hosts in the store. They have no actor: each is written rarely, by compare-and-set, by whichever node
 * an agent came to, and a token with its host in one batch.
 */

import { decodeHostRecord, type HostRecord } from "../certificates/attestation/host_record.ts";
import { decodeTokenRecord, type TokenRecord } from "../certificates/attestation/join_token.ts";
import type { AttestationRecords, AttestationWrite, Held } from "../certificates/attestation/service.ts";
import type { Decode } from "../platform/decode.ts";
import { hostRecord, tokenRecord } from "../store/keys.ts";
import type { OperationId, RecordKey, Store, StoreRecord } from "../store/store.ts";

export type SeenRecord = StoreRecord | undefined;

export class StoredAttestation implements AttestationRecords<SeenRecord> {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  readToken(id: string): Promise<Held<TokenRecord, SeenRecord>> {
    return this.#read(tokenRecord(id), decodeTokenRecord);
  }

  readHost(hostName: string): Promise<Held<HostRecord, SeenRecord>> {
    return this.#read(hostRecord(hostName), decodeHostRecord);
  }

  async write(
    operation: string,
    writes: readonly AttestationWrite<SeenRecord>[],
  ): Promise<"done" | "refused" | "unknown"> {
    const outcome = await this.#store.append("records", {
      operation: operation as OperationId,
      writes: writes.map((write) => ({ key: keyOf(write), value: write.value, seen: write.seen })),
    });
    return outcome.kind;
  }

  async #read<T>(key: RecordKey, decode: Decode<T>): Promise<Held<T, SeenRecord>> {
    const seen = await this.#store.read("records", key);
    return { seen, value: seen?.value === undefined ? undefined : decode(seen.value, key) };
  }
}

function keyOf(write: AttestationWrite<SeenRecord>): RecordKey {
  return write.kind === "token" ? tokenRecord(write.value.id) : hostRecord(write.value.hostName);
}
