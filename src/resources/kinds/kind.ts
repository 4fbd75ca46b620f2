/**
 * The kinds, in one list: names, groups, schema, rules. Whatever is asked of "every kind" (parse, explain, print, the
 * words of commands) reads it.
 */
import type { Namespace } from "../../model/names.ts";
import type { ObjectKind } from "../../model/object.ts";
import type { ObjectSchema } from "../schema/type.ts";
import type { Tell } from "../validate.ts";

export interface KindNames {
  readonly singular: string;
  readonly plural: string;
  readonly short: string;
}

export interface RuleContext {
  readonly namespace: Namespace;
  readonly name: string;
  readonly tell: Tell;
}

export interface Kind extends KindNames {
  readonly kind: ObjectKind;
  /** The first word of its API groups; core: Kubernetes' own, whose fields stand beside metadata. */
  readonly area: Area;
  readonly schema: ObjectSchema;
  /** Weft's own: in AREA.mesh.io/v1 alone. */
  readonly own?: true;
}

export const areas = ["networking", "security", "telemetry"] as const;
export type GroupArea = (typeof areas)[number];
export type Area = GroupArea | "core";
export const domains = ["mesh.io", "istio.io"] as const;
/** Of an area's groups, the newest first. */
export const versions: Readonly<Record<GroupArea, readonly string[]>> = {
  networking: ["v1", "v1beta1", "v1alpha3"],
  security: ["v1", "v1beta1", "v1alpha3"],
  telemetry: ["v1", "v1alpha1"],
};
/** What is printed when the mesh itself says an object. */
export const preferredVersion = "v1";
