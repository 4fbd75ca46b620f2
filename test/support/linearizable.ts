/**
 * Is a history of one key linearizable? Wing & Gong's search with Lowe's memory of what was tried: operations are put in
 * an order in which each takes effect at one moment between its call and its answer, and every answer fits the state at
 * that moment. An operation whose outcome nobody knows may take effect at any moment after its call, or never.
 *
 * Histories are long and their concurrency is small, so the search goes by the oldest answer: whatever was called before
 * it may be next. Used by the chaos scenarios on what their clients recorded.
 */

export interface Recorded<Action> {
  readonly action: Action;
  readonly calledMs: number;
  /** undefined: the outcome is not known. */
  readonly answeredMs: number | undefined;
}

export interface Model<State, Action> {
  readonly initial: State;
  /** The state after it; undefined: its answer does not fit this state. Of one whose outcome is not known: with its effect. */
  apply(state: State, action: Action): State | undefined;
  /** The same for equal states only. */
  print(state: State): string;
}

export type Verdict<State, Action> =
  | { readonly kind: "linearizable" }
  | {
      readonly kind: "violated";
      /** How many operations the longest order had, the state after it, and the answered operations that then had to be next. */
      readonly ordered: number;
      readonly state: State;
      readonly stuck: readonly Recorded<Action>[];
    }
  /** More was tried than is worth while. */
  | { readonly kind: "undecided"; readonly steps: number };

interface Step<State> {
  readonly before: State;
  readonly candidates: readonly number[];
  /** Which candidate is in the order now. */
  at: number;
}

export function checkLinearizable<State, Action>(
  history: readonly Recorded<Action>[],
  model: Model<State, Action>,
  { maxSteps = 2_000_000 }: { readonly maxSteps?: number } = {},
): Verdict<State, Action> {
  const order = [...history].sort((a, b) => a.calledMs - b.calledMs);
  const remaining = new Remaining(order);
  const tried = new Set<string>();
  const steps: Step<State>[] = [];
  let state = model.initial;
  let longest = { ordered: -1, state, stuck: [] as readonly Recorded<Action>[] };
  for (let count = 0; ; count++) {
    if (remaining.isDone) return { kind: "linearizable" };
    if (count >= maxSteps) return { kind: "undecided", steps: count };
    const candidates = remaining.candidates();
    if (steps.length > longest.ordered) {
      longest = { ordered: steps.length, state, stuck: candidates.flatMap((at) => order[at] ?? []).filter(isAnswered) };
    }
    steps.push({ before: state, candidates, at: -1 });
    const next = advance();
    if (next === undefined) return { kind: "violated", ...longest };
    state = next;
  }

  /** Puts the next untried candidate in the order, after taking back what leads nowhere. undefined: nothing is left. */
  function advance(): State | undefined {
    for (let step = steps.at(-1); step; step = steps.at(-1)) {
      const before = step.candidates[step.at];
      if (before !== undefined) remaining.putBack(before);
      for (step.at++; step.at < step.candidates.length; step.at++) {
        const index = step.candidates[step.at] ?? 0;
        const operation = order[index];
        const after = operation && model.apply(step.before, operation.action);
        if (after === undefined) continue;
        remaining.take(index);
        const place = `${remaining.print()}|${model.print(after)}`;
        if (!tried.has(place)) {
          tried.add(place);
          return after;
        }
        remaining.putBack(index);
      }
      steps.pop();
    }
    return undefined;
  }
}

/** The operations that are not in the order yet, by their index in the order of calls. */
class Remaining<Action> {
  readonly #order: readonly Recorded<Action>[];
  readonly #taken: Uint8Array;
  /** Taken ones that say more than `#low` does: answered ones past it, and all of unknown outcome. */
  readonly #beyond = new Set<number>();
  readonly #open: readonly number[];
  /** The first answered one that is not taken. */
  #low = 0;
  #answered: number;

  constructor(order: readonly Recorded<Action>[]) {
    this.#order = order;
    this.#taken = new Uint8Array(order.length);
    this.#open = order.flatMap(({ answeredMs }, index) => (answeredMs === undefined ? [index] : []));
    this.#answered = order.length - this.#open.length;
    this.#raise();
  }

  /** All that were answered are in the order. */
  get isDone(): boolean {
    return this.#answered === 0;
  }

  /** Those that may be next: called before any that is left was answered. */
  candidates(): readonly number[] {
    const found: number[] = [];
    let endsMs = Number.POSITIVE_INFINITY;
    for (let index = this.#low; index < this.#order.length; index++) {
      const { calledMs, answeredMs } = this.#at(index);
      if (calledMs > endsMs) break;
      if (this.#taken[index] || answeredMs === undefined) continue;
      found.push(index);
      endsMs = Math.min(endsMs, answeredMs);
    }
    const answered = found.filter((index) => this.#at(index).calledMs <= endsMs);
    const open = this.#open.filter((index) => !this.#taken[index] && this.#at(index).calledMs <= endsMs);
    // An effect that nobody saw is the last thing to assume.
    return [...answered, ...open];
  }

  take(index: number): void {
    this.#taken[index] = 1;
    if (isAnswered(this.#at(index))) this.#answered--;
    this.#beyond.add(index);
    this.#raise();
  }

  putBack(index: number): void {
    this.#taken[index] = 0;
    this.#beyond.delete(index);
    if (!isAnswered(this.#at(index))) return;
    this.#answered++;
    for (let lower = index + 1; lower < this.#low; lower++) if (isAnswered(this.#at(lower))) this.#beyond.add(lower);
    this.#low = Math.min(this.#low, index);
  }

  print(): string {
    return `${this.#low}:${[...this.#beyond].sort((a, b) => a - b).join()}`;
  }

  #raise(): void {
    while (this.#low < this.#order.length && (this.#taken[this.#low] || !isAnswered(this.#at(this.#low)))) {
      if (isAnswered(this.#at(this.#low))) this.#beyond.delete(this.#low);
      this.#low++;
    }
  }

  #at(index: number): Recorded<Action> {
    const operation = this.#order[index];
    if (!operation) throw new Error(`no operation ${index}`);
    return operation;
  }
}

function isAnswered({ answeredMs }: Recorded<unknown>): boolean {
  return answeredMs !== undefined;
}
