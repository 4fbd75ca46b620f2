/** What is held, in words for people: what waits, why, and the command that lets it go. */

import type { Quarantined } from "../../actors/kinds/policy.ts";
import type { Hold, HoldReason } from "../../api/ports.ts";
import type { Freeze } from "../../model/delivery.ts";
import { namesInKey, recordKind } from "../../store/keys.ts";
import type { RecordKey } from "../../store/store.ts";
import type { Size } from "./judgement.ts";

export type { Hold, HoldReason } from "../../api/ports.ts";

export interface Told {
  readonly frozen: Freeze | undefined;
  readonly size: Size;
  readonly wouldBe: Size;
  readonly quarantined: ReadonlyMap<RecordKey, Quarantined>;
}

const release = "if that is meant: meshctl freeze --release";

/** Names that are shown; the rest is counted. */
const named = 3;

export function holdOf(reason: HoldReason, keys: readonly RecordKey[], told: Told): Hold {
  const changes = keys.length;
  switch (reason) {
    case "frozen":
      return { reason, changes, message: frozenWords(told.frozen, keys), next: "meshctl freeze --off" };
    case "drop":
      return { reason, changes, message: dropWords(keys, told), next: release };
    case "missing":
      return { reason, changes, message: missingWords(keys), next: release };
    case "quarantined":
      return { reason, changes, message: quarantinedWords(keys, told), next: `apply it changed; ${release}` };
  }
}

function frozenWords(frozen: Freeze | undefined, keys: readonly RecordKey[]): string {
  const waiting = keys.length === 0 ? "nothing waits" : `${counted(keys.length, "change")} held: ${some(keys)}`;
  if (!frozen) return waiting;
  const { who, sinceMs, reason } = frozen;
  const because = reason === "" ? "" : `, because: ${reason}`;
  return `frozen since ${new Date(sinceMs).toISOString()} by ${who}${because}; ${waiting}`;
}

function dropWords(keys: readonly RecordKey[], { size, wouldBe }: Told): string {
  const sources = [...new Set(keys.map((key) => namesInKey(key)[3] ?? ""))];
  const left = `${wouldBe.endpoints} of ${size.endpoints} endpoints, ${wouldBe.services} of ${size.services} services`;
  return `the brake holds a sudden drop, which would leave ${left}; said by ${listed(sources)}`;
}

function missingWords(keys: readonly RecordKey[]): string {
  const workloads = keys.filter((key) => recordKind(key) === "workload").length;
  const parts = [counted(keys.length - workloads, "object"), counted(workloads, "workload")];
  return `${parts.join(" and ")} not in the store since it was read anew, and nobody deleted them: ${some(keys)}`;
}

function quarantinedWords(keys: readonly RecordKey[], { quarantined }: Told): string {
  const [first] = keys.flatMap((key) => quarantined.get(key) ?? []);
  const by = first ? ` on ${listed(first.hosts)}, ${first.resource}: ${first.because}` : "";
  return `${some(keys)} in the form before: proxies refused what it became${by}`;
}

function some(keys: readonly RecordKey[]): string {
  return listed(keys.map((key) => namesInKey(key).slice(1, 4).join("/")));
}

function listed(names: readonly string[]): string {
  const more = names.length > named ? ` and ${names.length - named} more` : "";
  return `${names.slice(0, named).join(", ")}${more}`;
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
