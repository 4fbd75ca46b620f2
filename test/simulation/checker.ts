/**
 * What must hold all along. It sees every append at the server, the moment it is applied, and is told what nodes,
 * callers and proxies were told. The first violation ends the schedule.
 *
 *   ledgers and keepers   nothing that was written disappears; no tag and no operation is applied twice; epochs never
 *                         fall, and each belongs to one activation
 *   callers               what was acknowledged is in the stream at that moment; what was refused never gets there; a
 *                         read holds all that was acknowledged before it was asked
 *   pairs                 both halves of a batch are always equal
 *   replicas              show only states that the stream had, equal at equal positions, and never go back
 *   proxies               never hold an older state than before
 *   endpoints             a source's acknowledged set is never replaced by an older one
 */
import type { Fence } from "../../src/actors/runtime/kind.ts";
import { decodeShard } from "../../src/model/decode.ts";
import { recordKind } from "../../src/store/keys.ts";
import type { MemoryServer } from "../../src/store/memory/server.ts";
import { decodeRecord } from "../../src/store/record.ts";
import type { RecordKey, Sequence, StoreRecord, StreamName } from "../../src/store/store.ts";
import { decodeActorValue, decodeKeeper, decodeLedger, type KeeperState, type LedgerState } from "./kinds.ts";
import type { Trace } from "./trace.ts";

interface Actor {
  epoch: number;
  readonly activationOf: Map<number, string>;
  readonly operations: Set<string>;
  ledger: LedgerState | undefined;
  keeper: KeeperState | undefined;
}

export interface CheckerOptions {
  readonly server: MemoryServer;
  readonly trace: Trace;
  readonly nowMs: () => number;
}

export class Checker {
  violation: string | undefined;
  commits = 0;
  /** Reads at the leader may be stale from now on, so what was read proves no order. */
  staleReads = false;
  /** Requests may come twice from now on, so one that was refused may still be done by its double. */
  doubles = false;
  readonly #options: CheckerOptions;
  readonly #actors = new Map<RecordKey, Actor>();
  readonly #objects = new Map<RecordKey, unknown>();
  /** What `records` says of pairs, by sequence. */
  readonly #digests = new Map<Sequence, string>([[0, "[]"]]);
  #digest = "[]";
  #pairsChanged = false;
  readonly #checksums = new Map<string, string>();
  readonly #refused = new Set<string>();
  readonly #applied = new Set<string>();
  /** Source → the set last written, and the newest acknowledged. */
  readonly #sets = new Map<string, number>();
  readonly #setsAcked = new Map<string, number>();
  readonly #seen: Record<StreamName, Sequence> = { records: 0, endpoints: 0 };
  readonly #listeners = new Set<(key: RecordKey, record: StoreRecord) => void>();

  constructor(options: CheckerOptions) {
    this.#options = options;
    this.follow("records");
    this.follow("endpoints");
  }

  /** Also after a stream was made anew. */
  follow(name: StreamName): void {
    const stream = this.#options.server.stream(name);
    this.#seen[name] = 0;
    if (name === "endpoints") this.#sets.clear();
    if (name === "endpoints") this.#setsAcked.clear();
    stream.listen(() => {
      if (this.#options.server.stream(name) !== stream) return;
      for (const message of stream.after(this.#seen[name])) {
        this.#seen[name] = message.sequence;
        const decoded = decodeRecord({ ...message, appendEnd: message.sequence }, stream.incarnation);
        if (decoded.kind === "record") this.#committed(name, decoded.record);
      }
      if (name === "records") this.#appended(stream.last);
    });
  }

  onCommit(listener: (key: RecordKey, record: StoreRecord) => void): void {
    this.#listeners.add(listener);
  }

  require(holds: boolean, statement: string | (() => string)): void {
    if (holds || this.violation !== undefined) return;
    this.violation = typeof statement === "string" ? statement : statement();
    this.#options.trace.note(`VIOLATION ${this.violation}`);
  }

  /** The answer "done" or a reply reached a caller. */
  acknowledged(key: RecordKey, tag: string): void {
    this.require(this.#applied.has(`${key} ${tag}`), () => `${key}: ${tag} was acknowledged and is not in the store`);
  }

  /** A caller was told that this was certainly not, and will not be, applied. */
  refused(key: RecordKey, tag: string): void {
    if (this.doubles && recordKind(key) === "ledger") return;
    this.#refused.add(`${key} ${tag}`);
    this.require(!this.#applied.has(`${key} ${tag}`), () => `${key}: ${tag} was refused and is in the store`);
  }

  /** What a read that begins now must hold at least. */
  entriesOf(key: RecordKey): readonly string[] {
    return this.#actors.get(key)?.ledger?.entries ?? [];
  }

  read(key: RecordKey, atLeast: readonly string[], entries: readonly string[]): void {
    if (this.staleReads) return;
    const missing = atLeast.find((tag, at) => entries[at] !== tag);
    this.require(missing === undefined, () => `${key}: a read lacks ${missing}, committed before it was asked`);
  }

  performed(key: RecordKey, tag: string, fence: Fence): void {
    const actor = this.#actors.get(key);
    const committed = actor?.ledger?.entries.includes(tag) && fence.sequence > 0 && fence.epoch <= actor.epoch;
    this.require(committed === true, () => `${key}: the effect of ${tag} came before its write`);
  }

  /** A replica shows `digest` at `position`. */
  shows(node: string, { position, digest, checksum }: { position: Sequence; digest: string; checksum: string }): void {
    const wanted = this.#digests.get(position);
    this.require(wanted === digest, () => `${node} shows at ${position} what never was: ${digest}, not ${wanted}`);
    const { incarnation } = this.#options.server.stream("records");
    const before = this.#checksums.get(`${incarnation} ${position}`);
    this.#checksums.set(`${incarnation} ${position}`, before ?? checksum);
    this.require(before === undefined || before === checksum, () => `${node} differs from others at ${position}`);
  }

  setAcknowledged(source: string, version: number): void {
    const written = this.#sets.get(source);
    if (written === undefined) return; // Acknowledged by a stream that is no more.
    this.require(written >= version, () => `${source}: set ${version} was acknowledged, ${written} is in the store`);
    this.#setsAcked.set(source, Math.max(version, this.#setsAcked.get(source) ?? 0));
  }

  get pairsDigest(): string {
    return this.#digests.get(this.#seen.records) ?? "";
  }

  /** When the first timer of each ledger is due, by what its state says. */
  timers(): readonly { readonly key: RecordKey; readonly atMs: number }[] {
    return [...this.#actors].flatMap(([key, { ledger }]) => (ledger?.timers ?? []).map(({ atMs }) => ({ key, atMs })));
  }

  keeper(key: RecordKey): KeeperState | undefined {
    return this.#actors.get(key)?.keeper;
  }

  #committed(stream: StreamName, record: StoreRecord): void {
    this.commits++;
    const operation = record.operations.at(-1)?.id ?? "";
    this.#options.trace.note(`commit ${record.key} ${record.sequence} ${record.epoch} ${operation}`);
    for (const listener of this.#listeners) listener(record.key, record);
    if (stream === "endpoints") this.#setWritten(record);
    const kind = recordKind(record.key);
    if (kind === "pair") this.#pairWritten(record);
    if (kind === "ledger" || kind === "keeper") this.#turnWritten(record, operation);
  }

  #turnWritten(record: StoreRecord, operation: string): void {
    const { key, epoch } = record;
    const before = this.#actors.get(key);
    const actor: Actor = before ?? {
      epoch: 0,
      activationOf: new Map(),
      operations: new Set(),
      ledger: undefined,
      keeper: undefined,
    };
    this.#actors.set(key, actor);
    const value = decodeActorValue(record.value, key);
    const isLedger = recordKind(key) === "ledger";
    const ledger = isLedger ? decodeLedger(value.state, key) : undefined;
    const keeper = isLedger ? undefined : decodeKeeper(value.state, key);
    const activation = (ledger ?? keeper)?.activation ?? "";
    this.require(epoch >= actor.epoch, () => `${key}: epoch fell from ${actor.epoch} to ${epoch}`);
    const owner = actor.activationOf.get(epoch);
    this.require(owner === undefined || owner === activation, () => `${key}: epoch ${epoch} has two activations`);
    this.require(!actor.operations.has(operation), () => `${key}: operation ${operation} was applied twice`);
    actor.epoch = epoch;
    actor.activationOf.set(epoch, activation);
    actor.operations.add(operation);
    if (ledger) this.#entriesWritten(key, actor.ledger, ledger);
    if (keeper) {
      const ticks = actor.keeper?.ticks ?? 0;
      this.require(keeper.ticks === ticks + 1, () => `${key}: tick ${keeper.ticks} after ${ticks}`);
    }
    actor.ledger = ledger;
    actor.keeper = keeper;
  }

  #entriesWritten(key: RecordKey, before: LedgerState | undefined, now: LedgerState): void {
    const known = before?.entries ?? [];
    const lost = known.find((tag, at) => now.entries[at] !== tag);
    this.require(lost === undefined, () => `${key}: ${lost} was written and is gone`);
    const timers = before?.timers ?? [];
    for (const { tag } of timers) {
      const kept = now.timers.some((timer) => timer.tag === tag) || now.entries.includes(tag);
      this.require(kept, () => `${key}: timer ${tag} is gone without having fired`);
    }
    for (const tag of now.entries.slice(known.length)) this.#tagApplied(key, tag);
    for (const { tag } of now.timers) {
      if (!timers.some((timer) => timer.tag === tag)) this.#tagApplied(key, `set ${tag}`);
    }
  }

  #tagApplied(key: RecordKey, tag: string): void {
    const applied = `${key} ${tag}`;
    this.require(!this.#applied.has(applied), () => `${key}: ${tag} was applied twice`);
    this.require(!this.#refused.has(applied), () => `${key}: ${tag} was refused and is in the store`);
    this.#applied.add(applied);
  }

  #pairWritten(record: StoreRecord): void {
    const { key, value } = record;
    this.#pairsChanged = true;
    if (value === undefined) this.#objects.delete(key);
    else this.#objects.set(key, value);
    const { tag } = (value ?? {}) as { readonly tag?: string };
    if (tag !== undefined && key.endsWith(".a")) this.#tagApplied(key, tag);
  }

  /** The append is whole: what stands now is a state that may be shown. */
  #appended(last: Sequence): void {
    const digest = this.#pairsChanged ? digestOf(this.#objects) : this.#digest;
    this.#digests.set(last, digest);
    this.#digest = digest;
    if (!this.#pairsChanged) return;
    this.#pairsChanged = false;
    for (const [key, value] of this.#objects) {
      const other = key.endsWith(".a") ? `${key.slice(0, -1)}b` : `${key.slice(0, -1)}a`;
      const equal = JSON.stringify(this.#objects.get(other as RecordKey)) === JSON.stringify(value);
      this.require(equal, () => `${key}: half of an append stands at ${last}`);
    }
  }

  #setWritten(record: StoreRecord): void {
    const { source, version } = setIn(record) ?? { source: record.key, version: 0 };
    const acked = this.#setsAcked.get(source) ?? 0;
    this.require(version >= acked, () => `${source}: set ${acked} was acknowledged, then ${version} replaced it`);
    this.#sets.set(source, version);
  }
}

export function setIn(record: StoreRecord): { readonly source: string; readonly version: number } | undefined {
  if (record.value === undefined) return undefined;
  const { source, endpoints } = decodeShard(record.value, record.key);
  return { source, version: endpoints[0]?.ports.http ?? 0 };
}

export function digestOf(objects: Iterable<readonly [string, unknown]>): string {
  return JSON.stringify([...objects].sort(([a], [b]) => (a < b ? -1 : 1)));
}
