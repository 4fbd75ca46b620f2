/**
 * An actor's record: its state, when it is due, and the replies to the last operations that changed it, so that a
 * repeated operation is answered and not done again. The epoch and the operations' ids stand around it, in the store's
 * own envelope. Replies beyond limits.operationsRemembered are forgotten, oldest first, when nobody may ask again any more.
 */
import { anything, integer, list, literal, object, text } from "../../platform/decode.ts";
import { limits } from "../../platform/limits.ts";
import type { OperationId } from "../../store/store.ts";
import type { ActorKind, ActorTypes } from "./kind.ts";

export interface ActorRecord<State, Reply> {
  readonly format: 1;
  readonly id: string;
  readonly state: State;
  readonly dueAtMs?: number;
  readonly results: readonly { readonly operation: string; readonly reply: Reply }[];
}

const result = object({ operation: text(128), reply: anything });

export const decodeActorRecord = object(
  { format: literal(1), id: text(1024), state: anything, results: list(result, limits.actorOperations) },
  { dueAtMs: integer(0) },
);

/** @param mayComeAgain whether somebody may still ask under an operation. */
export function remember<State, Reply>(
  { results }: ActorRecord<State, Reply>,
  result: { readonly operation: OperationId; readonly reply: Reply },
  mayComeAgain: (operation: string) => boolean,
): ActorRecord<State, Reply>["results"] {
  const spare = results.length + 1 - limits.operationsRemembered;
  return [...results.filter(({ operation }, at) => at >= spare || mayComeAgain(operation)), result];
}

/** An actor's state in its record's value, for whoever follows records and is not the actor (a replica). */
export function stateInRecord<T extends ActorTypes>(kind: ActorKind<T>, value: unknown, at: string): T["State"] {
  return kind.decodeState(decodeActorRecord(value, at).state, `${at}.state`);
}
