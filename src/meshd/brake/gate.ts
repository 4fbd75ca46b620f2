/**
 * Where changes wait before they reach the proxies: between the replica and the compiler. What waits is left out of the
 * compiler's input, so clusters, endpoints and routes stay consistent with each other, and everything else flows,
 * policies and routes to what is held among it. Asked by the pipeline at each step; derived on every node from the same
 * records, so that all hold alike. Three things wait:
 *
 *   frozen    what users declared after an operator's freeze, and with `endpoints` what sources said after it
 *   drop      sets of endpoints that shrink while the mesh is losing most of its endpoints or services (judgement.ts)
 *   quarantined  a version of an object that proxies on two hosts refuse; the form before is given (quarantine.ts)
 *   missing   an object or workload that a new reading of the store lacks: nobody deleted it. It goes when a restore
 *             brought that reading about; a workload also as soon as its host has said again what runs
 *
 * What is held is judged again at each step, and goes by itself when it is no drop any more or stands in the store
 * again. `Delivery.released` lets go what was held up to its marks, `meshctl freeze --off` what a freeze held. A policy
 * waits only under a freeze, which somebody asked for.
 */
import type { Delivery, Freeze } from "../../model/delivery.ts";
import { isAfter, type Mark } from "../../model/mark.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/log.ts";
import { deliveryRecord, recordKind } from "../../store/keys.ts";
import type { ReplicaChange } from "../../store/replica.ts";
import type { RecordKey, StoreRecord, StreamName } from "../../store/store.ts";
import type { MeshRecord } from "../mesh_record.ts";
import { isDrop, type Passed, type Size, withinWindow } from "./judgement.ts";
import type { Quarantine } from "./quarantine.ts";
import { InForce, type Shrinking, setOf } from "./sizes.ts";
import { type Hold, type HoldReason, holdOf } from "./words.ts";

export interface BrakeOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly replica: {
    get(key: RecordKey): { readonly object: MeshRecord } | undefined;
    record(key: RecordKey): StoreRecord | undefined;
  };
  /** How far the replica shows a stream. */
  readonly mark: (stream: StreamName) => Mark;
  /** What the compiler has of a key. */
  readonly given: (key: RecordKey) => MeshRecord | undefined;
  readonly quarantine: Pick<Quarantine, "held" | "judge" | "form">;
}

type Step = Pick<ReplicaChange, "keys" | "reset">;

interface Waiting {
  readonly reason: HoldReason;
  readonly stream: StreamName;
  /** Where the change that waits stands. */
  readonly at: Mark;
}

export class BrakeGate {
  readonly #options: BrakeOptions;
  readonly #inForce = new InForce();
  #waiting: ReadonlyMap<RecordKey, Waiting> = new Map();
  #passed: readonly Passed[] = [];
  /** What would be there if all that shrinks went. */
  #wouldBe: Size | undefined;
  #delivery: Delivery = {};
  #told: ReadonlySet<HoldReason> = new Set();
  /** Times that something began to be held, by reason. */
  readonly counts: Record<HoldReason, number> = { frozen: 0, drop: 0, missing: 0, quarantined: 0 };

  constructor(options: BrakeOptions) {
    this.#options = options;
  }

  get frozen(): Freeze | undefined {
    return this.#delivery.frozen;
  }

  /** What is in force without having been judged: what a node that starts finds kept. */
  keep(shards: Iterable<readonly [RecordKey, MeshRecord]>): void {
    for (const [key, record] of shards) this.#inForce.set(key, record);
    this.#remember([]);
  }

  /** @returns the keys of which the compiler is to be given another form now, that of `form`. */
  pass(step: Step): readonly RecordKey[] {
    const { quarantine } = this.#options;
    const restored = this.#readDelivery(step);
    const judged = quarantine.judge(this.#delivery.released);
    const waiting = new Map<RecordKey, Waiting>();
    const going: RecordKey[] = [];
    const shrinking: (Shrinking & { readonly waiting: Waiting })[] = [];
    const spoke = this.#hostsIn(step);
    for (const key of new Set([...this.#waiting.keys(), ...judged, ...step.keys])) {
      const before = this.#options.given(key);
      const now = quarantine.form(key);
      if (before === now) continue;
      const verdict = this.#verdict(key, { before, now, restored, spoke });
      if (verdict === "pass") going.push(key);
      else if (verdict.reason === "drop") shrinking.push({ key, now, waiting: verdict });
      else waiting.set(key, verdict);
    }
    for (const key of going) this.#inForce.set(key, this.#options.replica.get(key)?.object);
    going.push(...this.#judge(shrinking, waiting));
    this.#waiting = waiting;
    this.#tell();
    return going;
  }

  /** What keeps the proxies from what stands up to these positions; 0: nothing is asked of that stream. */
  holdsUpTo(position: Readonly<Record<StreamName, number>>): readonly Hold[] {
    return this.#holds([...this.#all()].filter(([, { stream, at }]) => at.sequence <= position[stream]));
  }

  /** Everything that is held, and a freeze that holds nothing yet. */
  holds(): readonly Hold[] {
    const holds = this.#holds([...this.#all()]);
    const told = holds.some(({ reason }) => reason === "frozen");
    return this.frozen && !told ? [holdOf("frozen", [], this.#words()), ...holds] : holds;
  }

  /** Whether what the store lost is in force here. A node that starts now does not know it. */
  get keepsMissing(): boolean {
    return [...this.#waiting.values()].some(({ reason }) => reason === "missing");
  }

  /** Sets of endpoints that are held, as they are in force: what this node must still know when it starts again. */
  *keptShards(): Iterable<readonly [RecordKey, MeshRecord]> {
    for (const [key, { stream }] of this.#waiting) {
      const record = stream === "endpoints" ? this.#options.given(key) : undefined;
      if (record) yield [key, record];
    }
  }

  /** @returns whether this step came by a restore. */
  #readDelivery({ reset }: Step): boolean {
    const said = this.#options.replica.get(deliveryRecord)?.object;
    // A record that got lost with the store says nothing: a freeze holds on.
    if (said?.kind !== "delivery") return false;
    const before = this.#delivery;
    this.#delivery = said.delivery;
    return reset && said.delivery.restored !== undefined && said.delivery.restored !== before.restored;
  }

  #verdict(
    key: RecordKey,
    change: {
      readonly before: MeshRecord | undefined;
      readonly now: MeshRecord | undefined;
      readonly restored: boolean;
      readonly spoke: ReadonlySet<string>;
    },
  ): "pass" | Waiting {
    const { replica, mark } = this.#options;
    const { before, now } = change;
    const kind = recordKind(key);
    const record = replica.record(key);
    const stream = kind === "endpoints" ? "endpoints" : "records";
    const earlier = this.#waiting.get(key);
    const { incarnation } = mark(stream);
    const at = record ? { incarnation: record.incarnation ?? incarnation, sequence: record.sequence } : mark(stream);
    if ((kind === "object" || kind === "workload") && now === undefined && record === undefined) {
      const missing: Waiting = earlier?.reason === "missing" ? earlier : { reason: "missing", stream, at };
      const said = before?.kind === "workload" ? change.spoke.has(before.workload.host) : change.restored;
      return said || this.#released(missing) ? "pass" : missing;
    }
    if (this.#isFrozen(kind, at)) return { reason: "frozen", stream, at };
    if (stream === "endpoints" && this.#inForce.shrinks(key, now)) {
      const drop: Waiting = { reason: "drop", stream, at };
      return this.#released(drop) ? "pass" : drop;
    }
    return "pass";
  }

  #isFrozen(kind: string, at: Mark): boolean {
    const { frozen } = this;
    if (!frozen) return false;
    if (kind === "object") return isAfter(at, frozen.at.records);
    return kind === "endpoints" && frozen.endpoints && isAfter(at, frozen.at.endpoints);
  }

  #released({ stream, at }: Waiting): boolean {
    const { released } = this.#delivery;
    return released !== undefined && !isAfter(at, released[stream]);
  }

  /** All that shrinks goes, or none of it. @returns what goes. */
  #judge(
    shrinking: readonly (Shrinking & { readonly waiting: Waiting })[],
    waiting: Map<RecordKey, Waiting>,
  ): readonly RecordKey[] {
    const sets = [...new Set(shrinking.map(({ key }) => setOf(key)))];
    // What grew before is in force, and counts.
    this.#remember([]);
    const after = this.#inForce.sizeAfter(shrinking);
    if (isDrop(after, sets, this.#passed)) {
      this.#wouldBe = after;
      for (const { key, waiting: held } of shrinking) waiting.set(key, held);
      return [];
    }
    for (const { key, now } of shrinking) this.#inForce.set(key, now);
    if (sets.length > 0) this.#remember(sets);
    return shrinking.map(({ key }) => key);
  }

  #remember(shrunk: readonly string[]): void {
    const atMs = this.#options.clock.monotonicMs();
    const size = this.#inForce.size();
    const last = this.#passed.at(-1);
    const same = last?.size.endpoints === size.endpoints && last.size.services === size.services;
    const passed = same && shrunk.length === 0 ? this.#passed : [...this.#passed, { atMs, size, shrunk }];
    this.#passed = withinWindow(passed, atMs);
  }

  /** Hosts one of whose workloads was written in this step, after the reading that lacked them. */
  #hostsIn({ keys, reset }: Step): ReadonlySet<string> {
    if (reset || !this.keepsMissing) return new Set();
    const written = keys.flatMap((key) => this.#options.replica.get(key)?.object ?? []);
    return new Set(written.flatMap((record) => (record.kind === "workload" ? [record.workload.host] : [])));
  }

  #words() {
    const size = this.#inForce.size();
    const { held: quarantined } = this.#options.quarantine;
    return { frozen: this.frozen, size, wouldBe: this.#wouldBe ?? size, quarantined };
  }

  #holds(waiting: readonly (readonly [RecordKey, Waiting])[]): readonly Hold[] {
    return [...Map.groupBy(waiting, ([, { reason }]) => reason)].map(([reason, some]) =>
      holdOf(
        reason,
        some.map(([key]) => key),
        this.#words(),
      ),
    );
  }

  /** What waits, and what is given in another form than the newest. */
  *#all(): Iterable<readonly [RecordKey, Waiting]> {
    yield* this.#waiting;
    for (const [key, { version }] of this.#options.quarantine.held) {
      yield [key, { reason: "quarantined", stream: "records", at: version }];
    }
  }

  #tell(): void {
    const byReason = Map.groupBy([...this.#all()], ([, { reason }]) => reason);
    const now = new Set(byReason.keys());
    for (const [reason, some] of byReason) {
      if (this.#told.has(reason)) continue;
      this.counts[reason]++;
      const keys = some.map(([key]) => key);
      const { message, next } = holdOf(reason, keys, this.#words());
      this.#options.log.warn("changes are held", { reason, message, next });
    }
    for (const reason of this.#told.difference(now)) {
      this.#options.log.info("nothing is held any more", { reason });
    }
    this.#told = now;
  }
}
