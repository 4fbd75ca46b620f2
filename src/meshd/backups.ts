/**
 * Backups of this node's cluster, taken from and put into the store (store/backup/). What a restore refuses, it refuses
 * before the first write:
 *
 *   the file is not as it was written, or the key is another one
 *   it is of another trust domain: no identity in it would mean anything here
 *   its authority's keys are sealed with a key that this node does not hold: nobody could sign any more
 *   something is declared here or a host has joined, and nobody said `force`
 *
 * After it every node notices the new incarnation: replicas read anew, tokens of before are refused, nodes get new
 * intermediates, agents say again what runs.
 */
import { authority } from "../actors/kinds/authority.ts";
import { stateInRecord } from "../actors/runtime/envelope.ts";
import type { Backups, Restored, RestoreOptions } from "../api/backups.ts";
import { sealingKeyFrom } from "../certificates/key_sealing.ts";
import type { BackupManifest } from "../model/backup.ts";
import { sleep } from "../platform/clock.ts";
import { WeftError } from "../platform/error.ts";
import { limits } from "../platform/limits.ts";
import type { Secret } from "../platform/log.ts";
import { type KeptRecord, readContents, writeContents } from "../store/backup/contents.ts";
import { openFile, sealFile } from "../store/backup/seal.ts";
import { countKinds, readSnapshot } from "../store/backup/snapshot.ts";
import { replaceRecords } from "../store/jetstream/replace.ts";
import { deliveryRecord, recordKind } from "../store/keys.ts";
import { type LogEntry, revisionOf } from "../store/store.ts";
import type { NodeContext } from "./parts.ts";
import { readTextFile, type Truth } from "./truth.ts";

const attempted = "restore the backup";

export class NodeBackups implements Backups {
  readonly #context: NodeContext;
  readonly #truth: Truth;
  #restoring = false;

  constructor(context: NodeContext, truth: Truth) {
    this.#context = context;
    this.#truth = truth;
  }

  async take(asked: Parameters<Backups["take"]>[0], signal: AbortSignal): Promise<Iterable<Uint8Array>> {
    const { options, clock, random } = this.#context;
    const { records, revision, unreadable, logLeftOut } = await readSnapshot(this.#truth.store, signal);
    const manifest: BackupManifest = {
      cluster: options.cluster,
      trustDomain: options.trustDomain,
      takenAtMs: clock.nowMs(),
      revision,
      records: records.length,
      kinds: countKinds(records),
      unreadable,
      ...(logLeftOut > 0 && { logLeftOut }),
    };
    return sealFile(writeContents({ manifest, records }), { ...asked, random });
  }

  async restore(
    file: AsyncIterable<Uint8Array>,
    key: Secret<Uint8Array>,
    options: RestoreOptions,
    signal: AbortSignal,
  ): Promise<Restored> {
    const { manifest, records: all } = await readContents(openFile(file, key));
    const here = await readSnapshot(this.#truth.store, signal);
    const records = options.newAuthority ? [...all.filter(isOther), ...here.records.filter(isAuthority)] : all;
    if (manifest.trustDomain !== this.#context.options.trustDomain) throw otherTrustDomain(manifest);
    if (!options.newAuthority) await this.#checkSealingKey(records);
    const { object: objects = 0, host: hosts = 0 } = countKinds(here.records);
    if (objects + hosts > 0 && !options.force && !options.dryRun) throw notEmpty(objects, hosts);
    const warnings = warningsOf(manifest, this.#context.options.cluster, records);
    const told = { manifest, records: records.length, warnings };
    if (options.dryRun) return { ...told, revision: here.revision };
    return { ...told, revision: await this.#replace(records, { manifest, who: options.who }, signal) };
  }

  async #replace(
    records: readonly KeptRecord[],
    { manifest, who }: { readonly manifest: BackupManifest; readonly who: string },
    signal: AbortSignal,
  ): Promise<string> {
    if (this.#restoring) throw underWay();
    this.#restoring = true;
    try {
      return await this.#replaceAlone(records, { manifest, who }, signal);
    } finally {
      this.#restoring = false;
    }
  }

  async #replaceAlone(
    records: readonly KeptRecord[],
    { manifest, who }: { readonly manifest: BackupManifest; readonly who: string },
    signal: AbortSignal,
  ): Promise<string> {
    const { clock, log } = this.#context;
    const { credentials, options } = this.#truth.opened;
    const entry: LogEntry = { who, what: `restore of ${manifest.revision}`, atMs: clock.nowMs(), changes: [] };
    // What the backup does not hold is meant to be gone: the brake lets it go. A freeze was of what was there.
    const word = `${manifest.revision} at ${new Date(entry.atMs).toISOString()}`;
    const restored = { key: deliveryRecord, value: { restored: word }, epoch: 0 };
    const kept = [...records.filter(({ key }) => key !== deliveryRecord), restored];
    const account = { ...options, ...credentials.restore, name: `${options.name}, restore` };
    const { incarnation, last } = await replaceRecords(account, { records: kept, log: entry }, signal);
    const revision = revisionOf(incarnation, last);
    log.warn("restored", { from: manifest.revision, revision, records: records.length, who });
    await this.#hold(revision, signal);
    return revision;
  }

  /** Until this node shows what was restored. Until it has asked the leader, it knows of another incarnation only. */
  async #hold(revision: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        return await this.#truth.replica.waitFor(revision, signal);
      } catch (cause) {
        if (signal.aborted || !(cause instanceof WeftError) || cause.code !== "conflict") throw cause;
      }
      await sleep(this.#context.clock, limits.natsReconnectMinMs, signal);
    }
  }

  async #checkSealingKey(records: readonly KeptRecord[]): Promise<void> {
    const { id } = sealingKeyFrom(await readTextFile(this.#context.options.authorityKeyFile));
    for (const { key, value } of records.filter(isAuthority)) {
      const { slots } = stateInRecord(authority, value, key);
      const other = slots.find(({ sealedKey }) => sealedKey.keyId !== id);
      if (other) throw otherSealingKey(other.sealedKey.keyId, id);
    }
  }
}

const isAuthority = ({ key }: KeptRecord): boolean => recordKind(key) === "authority";
const isOther = (record: KeptRecord): boolean => !isAuthority(record);

function warningsOf(
  { cluster, unreadable, logLeftOut }: BackupManifest,
  here: string,
  records: readonly KeptRecord[],
): string[] {
  const warnings = unreadable.map(
    (key) => `record ${key} could not be read when the backup was taken, and is not in it`,
  );
  if (logLeftOut) warnings.push(`the oldest ${logLeftOut} entries of the log are not in it`);
  if (cluster !== here) warnings.push(`it is a backup of cluster ${cluster}, this is ${here}`);
  if (!records.some(isAuthority)) {
    warnings.push("it holds no certificate authority: a new root is made, and every host has to join anew");
  }
  return warnings;
}

function underWay(): WeftError {
  const because = "another restore is under way on this node";
  return new WeftError({ code: "conflict", retry: "later", attempted, because, next: "wait until it has ended" });
}

function otherTrustDomain({ trustDomain }: BackupManifest): WeftError {
  const because = `it is of trust domain ${trustDomain}`;
  return new WeftError({
    code: "conflict",
    retry: "never",
    attempted,
    because,
    next: "start meshd with --trust-domain",
  });
}

function otherSealingKey(sealed: string, here: string): WeftError {
  return new WeftError({
    code: "denied",
    retry: "never",
    attempted,
    because: `its certificate authority is sealed with key ${sealed}, and this node holds ${here}`,
    next:
      "start meshd with the --authority-key file of that time; " +
      "without it that root is lost: restore with --new-authority, and let every host join anew",
  });
}

function notEmpty(objects: number, hosts: number): WeftError {
  return new WeftError({
    code: "conflict",
    retry: "never",
    attempted,
    because: `this mesh is not empty: ${objects} objects, ${hosts} hosts`,
    next: "--force puts the backup in the place of all that is declared here",
  });
}
