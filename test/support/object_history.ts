/** An object with a generation, as clients see it: the model against which the chaos scenarios' histories are held. */
import { checkLinearizable, type Model, type Recorded, type Verdict } from "./linearizable.ts";

/** Generation 0: it does not exist. */
export interface ObjectState {
  readonly generation: number;
  readonly value: string;
}

export type ObjectAction =
  | { readonly kind: "read"; readonly saw: ObjectState }
  /** Written because it stood at `expected`. Also of one whose outcome is not known. */
  | { readonly kind: "swap"; readonly expected: number; readonly value: string }
  /** Not written, because it did not stand there. */
  | { readonly kind: "refused swap"; readonly expected: number };

export const objectModel: Model<ObjectState, ObjectAction> = {
  initial: { generation: 0, value: "" },
  apply(state, action) {
    switch (action.kind) {
      case "read":
        return state.generation === action.saw.generation && state.value === action.saw.value ? state : undefined;
      case "swap":
        if (state.generation !== action.expected) return undefined;
        return { generation: action.expected + 1, value: action.value };
      case "refused swap":
        return state.generation === action.expected ? undefined : state;
    }
  },
  print: ({ generation, value }) => `${generation} ${value}`,
};

export interface Disorder {
  /** Objects whose writes no order explains, a line each. */
  readonly writes: readonly string[];
  /** Those whose writes have an order, into which what was read or refused does not fit: it was old when it was told. */
  readonly stale: readonly string[];
}

/** Of what clients did with several objects. */
export function disorderOf(histories: ReadonlyMap<string, readonly Recorded<ObjectAction>[]>): Disorder {
  const judged = [...histories].map(([key, history]) => {
    const whole = checkLinearizable(history, objectModel);
    if (whole.kind === "linearizable") return { writes: [], stale: [] };
    const written = history.filter(({ action }) => action.kind === "swap");
    const writes = checkLinearizable(written, objectModel);
    if (writes.kind !== "linearizable")
      return { writes: [`${key}: ${printVerdict(writes, written.length)}`], stale: [] };
    return { writes: [], stale: [`${key}: ${printVerdict(whole, history.length)}`] };
  });
  return { writes: judged.flatMap(({ writes }) => writes), stale: judged.flatMap(({ stale }) => stale) };
}

function printVerdict(verdict: Verdict<ObjectState, ObjectAction>, count: number): string {
  if (verdict.kind !== "violated") return verdict.kind;
  const { ordered, state, stuck } = verdict;
  return `after ${ordered} of ${count} operations it is ${JSON.stringify(state)}, and none of these can be next: ${JSON.stringify(stuck)}`;
}
