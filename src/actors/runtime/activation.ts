/**
 * One actor in memory, from the first message that reached it to the write that was refused, the idle minute or the
 * move. It runs one turn at a time. The steps of a turn and what each failure means stand in runtime.ts.
 *
 *   loading ──record read──► ready ──turn──► ready
 *      │                       │
 *      └──────────────────────►└──refused write · unknown write · evicted──► ended (what waits is handed back)
 */
import type { Clock, Timer } from "../../platform/clock.ts";
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import type { Random } from "../../platform/random.ts";
import { resolveAppend } from "../../store/resolve.ts";
import type { Append, OperationId, Outcome, RecordKey, Store, StoreRecord } from "../../store/store.ts";
import type { ActorCounts } from "./counts.ts";
import { type ActorRecord, decodeActorRecord, remember } from "./envelope.ts";
import type { ActorKind, ActorTypes, Hands, Turn } from "./kind.ts";
import type { Answer } from "./transport.ts";

export interface ActorPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Store;
  readonly log: Logger;
  readonly counts: ActorCounts;
}

export interface Delivery<T extends ActorTypes> {
  readonly operation: OperationId;
  readonly request: T["Request"];
  /** Monotonic; nobody waits for the answer any more after it. */
  readonly deadlineMs: number;
  /** Activations that ended under it. */
  readonly losses: number;
  readonly answer: (answer: Answer) => void;
}

/** What this activation knows to be in the store. */
interface Held<T extends ActorTypes> {
  readonly seen: StoreRecord | undefined;
  readonly incarnation: string;
  readonly epoch: number;
  readonly record: ActorRecord<T["State"], T["Reply"]>;
  /** When this activation learned of each operation of the record, monotonic: it may have been done just before. */
  readonly learnedMs: Map<string, number>;
}

/**
 * Handed to whoever keeps activations, once; it must not be offered anything afterwards.
 * @param taken it had written, and then somebody else did.
 */
export type OnEnded<T extends ActorTypes> = (waiting: readonly Delivery<T>[], taken: boolean) => void;

export interface ActivationOptions<T extends ActorTypes> {
  readonly kind: ActorKind<T>;
  readonly hands: Hands<T>;
  readonly id: string;
  readonly ports: ActorPorts;
  readonly onEnded: OnEnded<T>;
}

/** `lost`: somebody else wrote. `overtaken`: somebody else did this very operation, so nobody may be told that it is not done. */
type AfterTurn = "go on" | "lost" | "overtaken" | "ended";

export class Activation<T extends ActorTypes> {
  readonly #options: ActivationOptions<T>;
  readonly #mailbox: Delivery<T>[] = [];
  #held: Held<T> | undefined;
  #key: RecordKey | undefined;
  #running = false;
  #evicted = false;
  #wrote = false;
  #idle: Timer | undefined;

  constructor(options: ActivationOptions<T>) {
    this.#options = options;
    options.ports.counts.activations++;
  }

  /** false: the mailbox is full. */
  offer(delivery: Delivery<T>): boolean {
    if (this.#mailbox.length >= limits.mailboxMessages) return false;
    this.#mailbox.push(delivery);
    this.#idle?.cancel();
    if (!this.#running) void this.#run();
    return true;
  }

  /** Ends it after the turn that is under way. */
  evict(): void {
    this.#evicted = true;
    if (!this.#running) this.#end([]);
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let next = this.#next(); next; next = this.#next()) {
      const after = await this.#deliver(next);
      if (after === "go on") continue;
      return this.#end(handedBack(next, after), this.#wrote && after !== "ended");
    }
    this.#running = false;
    if (this.#evicted) return this.#end([]);
    this.#idle = this.#options.ports.clock.after(limits.actorIdleMs, () => this.evict());
  }

  #next(): Delivery<T> | undefined {
    return this.#evicted ? undefined : this.#mailbox.shift();
  }

  #end(first: readonly Delivery<T>[], taken = false): void {
    this.#idle?.cancel();
    this.#options.onEnded([...first, ...this.#mailbox.splice(0)], taken);
  }

  async #deliver(delivery: Delivery<T>): Promise<AfterTurn> {
    const { clock } = this.#options.ports;
    if (clock.monotonicMs() >= delivery.deadlineMs) {
      delivery.answer({ kind: "refused", code: "timeout", retry: "later", because: "it waited too long for its turn" });
      return "go on";
    }
    try {
      return await this.#turn(delivery);
    } catch (cause) {
      // Reading, preparing and deciding change nothing, so whatever failed there was certainly not applied.
      const { code, retry, because } = WeftError.from(cause, "take a turn");
      if (code === "internal") this.#log().error("turn failed", { because });
      delivery.answer({ kind: "refused", code, retry, because });
      return "go on";
    }
  }

  async #turn(delivery: Delivery<T>): Promise<AfterTurn> {
    const { kind, hands, id, ports } = this.#options;
    this.#held ??= await this.#load();
    const held = this.#held;
    const known = held.record.results.find(({ operation }) => operation === delivery.operation);
    if (known) {
      ports.counts.repeated++;
      delivery.answer({ kind: "reply", payload: known.reply });
      return "go on";
    }
    if (held.record.results.length >= limits.actorOperations && !this.#forgets(held)) {
      delivery.answer(tooBusy);
      return "go on";
    }
    const context = { id, nowMs: ports.clock.nowMs() };
    const message = await hands.prepare(held.record.state, delivery.request, context);
    const turn = kind.decide(held.record.state, message, context);
    ports.counts.turns++;
    if (turn.state !== held.record.state) return this.#write(held, turn, delivery);
    if (!turn.mayBeStale && !(await this.#isNewest(held))) return "lost";
    this.#finish(turn, delivery, held);
    return "go on";
  }

  async #load(): Promise<Held<T>> {
    const { kind, id, ports } = this.#options;
    const incarnation = ports.store.incarnation("records");
    const seen = await ports.store.read("records", this.#recordKey());
    const epoch = (seen?.epoch ?? 0) + 1;
    const fresh = { format: 1, id, state: kind.initial(id), results: [] } as const;
    if (seen?.value === undefined) return { seen, incarnation, epoch, record: fresh, learnedMs: new Map() };
    const at = this.#recordKey();
    const read = decodeActorRecord(seen.value, at);
    const state = kind.decodeState(read.state, `${at}.state`);
    const results = read.results.map(({ operation, reply }) => ({ operation, reply: kind.decodeReply(reply, at) }));
    const nowMs = ports.clock.monotonicMs();
    const learnedMs = new Map(results.map(({ operation }) => [operation, nowMs]));
    return { seen, incarnation, epoch, record: { ...read, state, results }, learnedMs };
  }

  /** Whether there is an operation under which nobody asks any more. */
  #forgets(held: Held<T>): boolean {
    const [oldest] = held.record.results;
    return oldest !== undefined && !this.#mayComeAgain(held, oldest.operation);
  }

  #mayComeAgain({ learnedMs }: Held<T>, operation: string): boolean {
    const sinceMs = this.#options.ports.clock.monotonicMs() - (learnedMs.get(operation) ?? 0);
    return sinceMs < limits.actorOperationMs;
  }

  async #write(held: Held<T>, turn: Turn<T>, delivery: Delivery<T>): Promise<AfterTurn> {
    const { kind, id, ports } = this.#options;
    const { operation } = delivery;
    const { dueAtMs: _before, ...rest } = held.record;
    const dueAtMs = kind.dueAtMs(turn.state);
    const results = remember(held.record, { operation, reply: turn.reply }, (known) => this.#mayComeAgain(held, known));
    const record = { ...rest, id, state: turn.state, results, ...(dueAtMs === undefined ? {} : { dueAtMs }) };
    const { seen, epoch } = held;
    const outcome = await this.#append({ operation, writes: [{ key: this.#recordKey(), value: record, seen, epoch }] });
    ports.counts.writes++;
    if (outcome.kind === "done" && outcome.earlier) return "overtaken";
    if (outcome.kind === "done") {
      this.#wrote = true;
      if (results.length <= held.record.results.length) forget(held.learnedMs, results);
      held.learnedMs.set(operation, ports.clock.monotonicMs());
      this.#held = { ...held, record, seen: this.#written(held, record, operation, outcome.sequence) };
      this.#finish(turn, delivery, this.#held);
      return "go on";
    }
    if (outcome.kind === "refused" && outcome.code === "too-large") {
      // What it remembers of a busy moment goes by itself; a state that is too large does not.
      const isBusy = results.length > limits.operationsRemembered;
      const tooLarge: Answer = { kind: "refused", code: "too-large", retry: "never", because: outcome.because };
      delivery.answer(isBusy ? tooBusy : tooLarge);
      return "go on";
    }
    if (outcome.kind === "refused") {
      ports.counts.refusedWrites++;
      return "lost";
    }
    ports.counts.unknownWrites++;
    delivery.answer({ kind: "unknown", because: outcome.because });
    return "ended";
  }

  async #append(append: Append): Promise<Outcome> {
    const { store, clock, random } = this.#options.ports;
    try {
      return await resolveAppend(store, "records", append, { clock, random, withinMs: limits.actorRequestMs });
    } catch (cause) {
      // A store that fails instead of answering has not said that nothing happened.
      return { kind: "unknown", because: WeftError.from(cause, "write a record").because };
    }
  }

  #written(held: Held<T>, value: unknown, operation: OperationId, sequence: number): StoreRecord {
    const { seen, incarnation, epoch } = held;
    const operations = [...(seen?.operations ?? []), { id: operation, sequence }].slice(-limits.operationsRemembered);
    return { ...seen, key: this.#recordKey(), incarnation, sequence, value, operations, epoch };
  }

  /** Not before the first turn: an id that makes no key refuses that turn. */
  #recordKey(): RecordKey {
    this.#key ??= this.#options.kind.record(this.#options.id);
    return this.#key;
  }

  async #isNewest(held: Held<T>): Promise<boolean> {
    const { ports } = this.#options;
    const now = await ports.store.read("records", this.#recordKey());
    return (now?.sequence ?? 0) === (held.seen?.sequence ?? 0) && now?.incarnation === held.seen?.incarnation;
  }

  #finish(turn: Turn<T>, delivery: Delivery<T>, held: Held<T>): void {
    const { hands, id, ports } = this.#options;
    delivery.answer({ kind: "reply", payload: turn.reply });
    const fence = { id, sequence: held.seen?.sequence ?? 0, epoch: held.epoch };
    for (const effect of turn.effects ?? []) {
      hands.perform(effect, fence).catch((cause: unknown) => {
        ports.counts.effectsFailed++;
        this.#log().warn("effect failed", { because: String(cause) });
      });
    }
  }

  #log(): Logger {
    return this.#options.ports.log.with({ actor: `${this.#options.kind.kind}/${this.#options.id}` });
  }
}

function handedBack<T extends ActorTypes>(delivery: Delivery<T>, after: Exclude<AfterTurn, "go on">): Delivery<T>[] {
  if (after === "ended") return [];
  if (after === "lost") return [{ ...delivery, losses: delivery.losses + 1 }];
  const answer = (answer: Answer): void =>
    delivery.answer(answer.kind === "refused" ? { kind: "unknown", because: answer.because } : answer);
  return [{ ...delivery, answer }];
}

function forget(learnedMs: Map<string, number>, results: readonly { readonly operation: string }[]): void {
  const kept = new Set(results.map(({ operation }) => operation));
  for (const operation of learnedMs.keys()) if (!kept.has(operation)) learnedMs.delete(operation);
}

const tooBusy: Answer = {
  kind: "refused",
  code: "overloaded",
  retry: "later",
  because: "the actor has done more in a short time than it can remember",
};
