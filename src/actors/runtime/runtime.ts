/**
 * The actor runtime: virtual actors, each addressed by kind and id, each living on at most one node that matters.
 *
 * WHO OWNS AN ACTOR. The view (placement.ts) names one node for each address by rendezvous hashing over the members that
 * a node sees. Views may differ, lag or be wrong, and a paused owner may wake up believing in an old one. So two nodes
 * can hold an activation of one actor at the same time, and nothing here prevents it. Safety is the record:
 *
 * A TURN. An activation (activation.ts) begins by reading the actor's record at the store's leader. Then, one message at
 * a time:
 *   1. An operation that the record remembers is answered from the record. It is not done twice.
 *   2. `prepare` makes what needs keys, chance or I/O; `decide` turns state and message into a new state, a reply and
 *      effects. It is synchronous and pure. Nothing has happened outside yet.
 *   3. A changed state, with the reply under the operation's id, is written by compare-and-set on the sequence that this
 *      activation last saw. The epoch, one more than the record had when the activation began, rides every write, so
 *      the first write takes the actor over: an older activation names a sequence that is past, and is refused.
 *   4. Only then the reply leaves and the effects are performed, with the record's sequence and epoch as their fence.
 *   A turn that changes nothing writes nothing; before it replies it reads the record's sequence at the leader again,
 *   unless the kind said that its reply may be stale. That read is as good as the leader's: a leader that was deposed
 *   and does not know it yet can confirm a reply that is a moment old. What must not be is decided by writing.
 *
 * WHAT CAN FAIL
 *   - The write is refused: somebody else wrote. The activation ends. Its message, and what waited behind it, go once to
 *     a fresh activation, which reads the record anew; a second refusal is told to the caller as worth another try.
 *     This is what stops a stale owner: it can be wrong about being the owner, never about having written.
 *   - The write's outcome is unknown: the same append is put again under the same operation until the store says done
 *     or refused (store/resolve.ts), for limits.actorRequestMs. If it stays open the activation ends, since it no longer
 *     knows its own record, and the caller is told `unknown`. Asking again under the same operation id closes it: the
 *     record remembers the operation, or a compare-and-set settles it.
 *   - The write is answered `done`, but by an attempt before (store.ts, `earlier`): perhaps another activation did the same
 *     operation, on a state that this one has never seen. The activation ends as if refused, and a fresh one answers from
 *     the record. It is never again told as refused.
 *   - The node dies between write and reply: the caller gets no answer, asks again under the same operation, and the
 *     next owner answers from the record. Between reply and effects: the effects are lost. A kind for which that
 *     matters keeps them in its state and has itself woken (below).
 *   - The record cannot be read or decoded: this actor refuses, nobody else is touched.
 *   - The mailbox is full: a refusal worth another try, at once. Nothing is ever dropped in silence.
 *   - The request reaches a node that does not own the actor, by its own view: refused, elsewhere; the asker looks at its
 *     view again. Two views that disagree for long make requests slow, not wrong.
 *   - A node does not hear itself through NATS, though its way to the store works: the others take over what it owns, and
 *     it does not know. Each such actor ends here at its next write; it is not begun again before the node hears itself,
 *     else it would go back and forth.
 *   - A node hears no other, and all is its own, though the others live and hear each other. It learns so when a record
 *     that it had written is another's; that actor it leaves to whoever took it, for limits.actorYieldMs. Whoever hears
 *     others never yields, so somebody serves it all the while.
 *
 * WAKING. A state may say when it is due; the time stands in the record. Kinds that always run are due whenever they are
 * not in memory. Every node follows the records (wakes.ts) and, every limits.actorSweepMs, wakes what is due and placed
 * on itself. A wake may come early, late or twice; it is a request like any other.
 *
 * LEAVING. `drain` refuses what is new, elsewhere, lets each activation finish its turn and hands the rest back as
 * misplaced. An actor idle for limits.actorIdleMs leaves memory. When the view moves an actor away, its activation ends
 * after its turn.
 */
import type { Timer } from "../../platform/clock.ts";
import { sleep } from "../../platform/clock.ts";
import { invariant, WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
import { jittered, ulid } from "../../platform/random.ts";
import type { OperationId, Tail, TailHandler } from "../../store/store.ts";
import type { ActorPorts } from "./activation.ts";
import { type ActorCounts, zeroCounts } from "./counts.ts";
import { type ActorKind, type ActorTypes, type Address, addressKey, type Hands } from "./kind.ts";
import { type HostedKind, KindHost, misplaced } from "./kind_host.ts";
import { type NodeName, ownerOf, type View } from "./placement.ts";
import type { ActorRequest, Answer, Transport } from "./transport.ts";
import { Wakes } from "./wakes.ts";

export interface RuntimeOptions extends Omit<ActorPorts, "counts"> {
  readonly view: View;
  readonly transport: Transport;
  /** Of the records. Default: a tail of the store's own; a node with a replica passes that one's. */
  readonly tail?: (handler: TailHandler) => Pick<Tail, "stop">;
}

export interface AskOptions {
  /** Give one to be able to ask again, from another process too, without doing it twice. Default: a new one. */
  readonly operation?: OperationId;
}

// Pause before the asker looks at its view again, ms.
const askAgainMs = 25;

export class ActorRuntime {
  readonly counts: ActorCounts = zeroCounts();
  readonly #options: RuntimeOptions;
  readonly #kinds = new Map<string, HostedKind>();
  readonly #wakes = new Wakes(this.#kinds);
  readonly #waking = new Set<string>();
  #stopping: (() => void)[] = [];
  #tail: Pick<Tail, "stop"> | undefined;
  #draining = false;

  constructor(options: RuntimeOptions) {
    this.#options = options;
  }

  /** Before `start`. @param ids of actors that always run, also while they have no record yet. */
  host<T extends ActorTypes>(kind: ActorKind<T>, hands: Hands<T>, ids: readonly string[] = []): void {
    invariant(!this.#kinds.has(kind.kind), `actor kind ${kind.kind} is hosted once`);
    const { clock, random, store, log } = this.#options;
    const { view } = this.#options;
    const surroundings = { mayBegin: () => this.#hears(), isAlone: () => view.alone ?? false };
    const hosted = new KindHost(kind, hands, { clock, random, store, log, counts: this.counts }, surroundings);
    this.#kinds.set(kind.kind, hosted);
    for (const id of ids) this.#wakes.always(hosted, id);
  }

  start(): void {
    const { clock, view, transport, store, tail } = this.#options;
    transport.serve((request) => this.#receive(request));
    this.#tail = tail ? tail(this.#wakes) : store.tail("records", this.#wakes);
    const sweeping: Timer = clock.every(limits.actorSweepMs, () => this.#sweep());
    this.#stopping = [() => sweeping.cancel(), view.onChange(() => this.#moved())];
    this.#sweep();
  }

  /** Hands everything over and stops. Later requests are refused, elsewhere. */
  async drain(): Promise<void> {
    this.#draining = true;
    for (const stop of this.#stopping) stop();
    const kinds = [...this.#kinds.values()];
    for (const kind of kinds) for (const id of kind.active()) kind.evict(id);
    await Promise.all(kinds.map((kind) => kind.drained()));
    await this.#tail?.stop();
  }

  /** How many actors of each kind are in memory here. */
  active(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#kinds].map(([name, kind]) => [name, kind.active().length]));
  }

  /**
   * Asks an actor, wherever it lives, for at most limits.actorRequestMs. Refusals that another node or a moment may mend
   * and unknown outcomes are tried again under the same operation meanwhile.
   * @throws WeftError of the refusal; `unknown-outcome` when it is not known whether it was done.
   */
  async ask<T extends ActorTypes>(
    kind: ActorKind<T>,
    id: string,
    request: T["Request"],
    { operation = this.#newOperation() }: AskOptions = {},
  ): Promise<T["Reply"]> {
    const { clock, random } = this.#options;
    const address = { kind: kind.kind, id };
    const deadlineMs = clock.monotonicMs() + limits.actorRequestMs;
    let open = false;
    for (;;) {
      const answer = await this.#send({ address, operation, payload: request }, deadlineMs);
      if (answer.kind === "reply") return kind.decodeReply(answer.payload, `reply of ${kind.kind}`);
      // Once one attempt is unknown, a later refusal says nothing about that one.
      open ||= answer.kind === "unknown";
      const pauseMs = jittered(random, askAgainMs, 0.5);
      const again = mayMend(answer) && clock.monotonicMs() + pauseMs < deadlineMs && !this.#draining;
      if (!again) throw failure(address, answer, open);
      await sleep(clock, pauseMs);
    }
  }

  async #send(request: ActorRequest, deadlineMs: number): Promise<Answer> {
    const { view, transport, clock } = this.#options;
    const owner = ownerOf(request.address, view.members());
    const leftMs = deadlineMs - clock.monotonicMs();
    if (owner !== undefined && owner !== view.self) {
      return this.#unlessMoved(request.address, owner, transport.request(owner, request, leftMs));
    }
    return new Promise((resolve) => {
      const timer = clock.after(leftMs, () => resolve({ kind: "unknown", because: "no answer in time" }));
      void this.#receive(request, deadlineMs)
        .then(resolve)
        .finally(() => timer.cancel());
    });
  }

  /** Who is silent because it died need not be waited for once the view has said so: another owner closes it. */
  #unlessMoved(address: Address, owner: NodeName, answered: Promise<Answer>): Promise<Answer> {
    const { view } = this.#options;
    return new Promise((resolve) => {
      const stop = view.onChange(() => {
        if (ownerOf(address, view.members()) === owner) return;
        stop();
        resolve({ kind: "unknown", because: `the actor moved away from node ${owner}` });
      });
      void answered.then(resolve).finally(stop);
    });
  }

  async #receive(request: ActorRequest, deadlineMs?: number): Promise<Answer> {
    const { clock } = this.#options;
    const kind = this.#kinds.get(request.address.kind);
    if (!kind || this.#draining || !this.#isHere(request.address)) {
      this.counts.misplaced++;
      return misplaced;
    }
    return kind.deliver(request, deadlineMs ?? clock.monotonicMs() + limits.actorRequestMs);
  }

  #isHere(address: Address): boolean {
    const { view } = this.#options;
    return ownerOf(address, view.members()) === view.self;
  }

  #hears(): boolean {
    return this.#options.view.hears !== false;
  }

  #moved(): void {
    for (const kind of this.#kinds.values()) {
      for (const id of kind.active()) if (!this.#isHere({ kind: kind.name, id })) kind.evict(id);
    }
    this.#sweep();
  }

  #sweep(): void {
    if (this.#draining || !this.#hears()) return;
    for (const { kind, id } of this.#wakes.due(this.#options.clock.nowMs())) {
      const address = { kind: kind.name, id };
      if (this.#isHere(address)) void this.#wake(kind, address);
    }
  }

  async #wake(kind: HostedKind, address: Address): Promise<void> {
    const key = addressKey(address);
    if (this.#waking.has(key)) return;
    this.#waking.add(key);
    this.counts.wakes++;
    const answer = await this.#receive({ address, operation: this.#newOperation(), payload: kind.wake });
    this.#waking.delete(key);
    if (answer.kind !== "reply") {
      this.#options.log.warn("wake failed, it comes again", { actor: key, because: answer.because });
    }
  }

  #newOperation(): OperationId {
    const { random, clock } = this.#options;
    return ulid(random, clock.nowMs()) as OperationId;
  }
}

/** Overload is the caller's to deal with: trying again at once is what made it. */
function mayMend(answer: Exclude<Answer, { readonly kind: "reply" }>): boolean {
  return answer.kind === "unknown" || (answer.retry !== "never" && answer.code !== "overloaded");
}

function failure(address: Address, answer: Exclude<Answer, { readonly kind: "reply" }>, open: boolean): WeftError {
  const attempted = `ask ${addressKey(address)}`;
  const { because } = answer;
  if (answer.kind === "unknown" || open) {
    const next = "ask again under the same operation";
    return new WeftError({ code: "unknown-outcome", retry: "later", attempted, because, next });
  }
  return new WeftError({ code: answer.code, retry: answer.retry, attempted, because });
}
