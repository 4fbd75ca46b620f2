/** Where a part of an object stands in the files that it was read from, for those who have them at hand. */
import { type ObjectRef, objectKey } from "../model/object.ts";
import type { SourcePosition } from "../model/problem.ts";
import type { FieldPath } from "./document/node.ts";
import type { ParsedResource } from "./parse.ts";

/** Of a part that is not written, that of the nearest around it. undefined: the object is in none of the files. */
export type PositionOf = (object: ObjectRef, path: FieldPath) => SourcePosition | undefined;

export function positionsIn(resources: readonly ParsedResource[]): PositionOf {
  const byKey = new Map(resources.map((one) => [refKey(one), one]));
  return (object, path) => byKey.get(objectKey(object))?.at(path);
}

function refKey({ resource: { kind, metadata } }: ParsedResource): string {
  return objectKey({ kind, namespace: metadata.namespace, name: metadata.name });
}
