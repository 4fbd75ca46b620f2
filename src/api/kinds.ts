/** The words that callers use for kinds: singular, plural, short, with or without the group. */
import type { ObjectKind } from "../model/object.ts";
import { type AnyKind, isObjectKind, kindFrom, kindWords } from "../resources/kinds/catalog.ts";
import { suggestion } from "../resources/nearest.ts";
import { ApiRefusal } from "./problem_details.ts";

export type KindName = AnyKind;

/** A kind that can be read: the user's own, services, workloads. */
export function readableKind(word: string): KindName {
  const kind = kindFrom(word);
  if (kind) return kind;
  const shown = JSON.stringify(word.slice(0, 64));
  throw new ApiRefusal("bad-request", `${shown} is no kind${suggestion(word, kindWords())}`);
}

/** A kind that can be written. */
export function requireKind(word: string): ObjectKind {
  const kind = readableKind(word);
  if (isObjectKind(kind)) return kind;
  const how = "meshctl run and PUT /v1/endpoints make it";
  throw new ApiRefusal("bad-request", `a ${kind.toLowerCase()} is not applied or deleted; ${how}`);
}
