/** Decides what an apply or a delete writes. Pure: the same declared and stored objects give the same plan. */
import { isDeepStrictEqual } from "node:util";
import type { ObjectRef, Resource, StoredResource } from "../../model/object.ts";
import type { Sealed } from "../../model/secret.ts";
import { objectRecord } from "../../store/keys.ts";
import type { LogEntry, Write } from "../../store/store.ts";
import type { Seen } from "../ports.ts";

export interface Declared {
  readonly resource: Resource;
  /** file:line */
  readonly origin?: string;
  /** A Secret's contents. */
  readonly sealed?: Sealed;
}

export interface AppliedObject {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly generation: number;
  readonly result: "created" | "configured" | "unchanged" | "ignored";
}

export interface DeletedObject {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly result: "deleted" | "not-found";
}

export interface ChangePlan<Result> {
  readonly results: readonly Result[];
  readonly writes: readonly Write[];
  readonly changes: LogEntry["changes"];
  /** The objects as they are to be stored; what admission judges. */
  readonly set: readonly StoredResource[];
  readonly remove: readonly ObjectRef[];
}

/** What is answered to a call that had been done before: the objects as they are now. */
export function asApplied(declared: readonly Declared[], lookup: Lookup): readonly AppliedObject[] {
  return declared.map(({ resource }) => {
    const ref = refOf(resource);
    return { ...ref, generation: lookup(ref).value?.generation ?? 0, result: "unchanged" };
  });
}

export type Lookup = (ref: ObjectRef) => Seen<StoredResource>;

export function refOf(resource: Resource): ObjectRef {
  const { namespace, name } = resource.metadata;
  return { kind: resource.kind, namespace, name };
}

export function planApply(declared: readonly Declared[], lookup: Lookup, atMs: number): ChangePlan<AppliedObject> {
  const steps = declared.map((one) => ({ ref: refOf(one.resource), ...planObject(one, lookup, atMs) }));
  const written = steps.filter((step) => step.result !== "unchanged");
  return {
    results: steps.map(({ ref, stored, result }) => ({ ...ref, generation: stored.generation, result })),
    writes: written.map(({ ref, stored, seen }) => ({ key: objectRecord(ref), value: stored, seen: seen.record })),
    changes: written.map(({ ref, stored, seen }) => ({ key: objectRecord(ref), before: seen.value, after: stored })),
    set: written.map(({ stored }) => stored),
    remove: [],
  };
}

interface ObjectStep {
  readonly seen: Seen<StoredResource>;
  readonly stored: StoredResource;
  readonly result: "created" | "configured" | "unchanged";
}

function planObject({ resource, origin, sealed }: Declared, lookup: Lookup, atMs: number): ObjectStep {
  const seen = lookup(refOf(resource));
  const before = seen.value;
  const from = { ...(origin === undefined ? {} : { origin }), ...(sealed ? { sealed } : {}) };
  if (!before) return { seen, stored: { resource, generation: 1, createdAtMs: atMs, ...from }, result: "created" };
  // What is in a Secret shows in its version; under another key it is sealed anew.
  const sameSeal = before.sealed?.keyId === sealed?.keyId;
  if (sameSeal && isDeepStrictEqual(before.resource, resource)) return { seen, stored: before, result: "unchanged" };
  const sameSpec = isDeepStrictEqual(before.resource.spec, resource.spec);
  const generation = sameSpec ? before.generation : before.generation + 1;
  return { seen, stored: { resource, generation, createdAtMs: before.createdAtMs, ...from }, result: "configured" };
}

export function planDelete(refs: readonly ObjectRef[], lookup: Lookup): ChangePlan<DeletedObject> {
  const steps = refs.map((ref) => ({ ref, seen: lookup(ref) }));
  const there = steps.filter(({ seen }) => seen.value !== undefined);
  return {
    results: steps.map(({ ref, seen }) => ({ ...ref, result: seen.value ? "deleted" : "not-found" })),
    writes: there.map(({ ref, seen }) => ({ key: objectRecord(ref), value: undefined, seen: seen.record })),
    changes: there.map(({ ref, seen }) => ({ key: objectRecord(ref), before: seen.value, after: undefined })),
    set: [],
    remove: there.map(({ ref }) => ref),
  };
}
