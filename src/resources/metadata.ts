/** metadata: what a resource says of itself. Fields that Kubernetes fills in are read over. */

import { isDnsLabel, istioRootNamespace, type Namespace, namespaceFrom, rootNamespace } from "../model/names.ts";
import type { Resource } from "../model/object.ts";
import { fieldOf, type Node, textOf } from "./document/node.ts";
import { suggestion } from "./nearest.ts";
import { checkFormat, shown } from "./schema/format.ts";
import { map, object, string } from "./schema/type.ts";
import { type Tell, validate } from "./validate.ts";

const path = ["metadata"];
const labelsSchema = map({
  description: "Labels of the object itself.",
  keys: "labelKey",
  values: string({ description: "Its value.", format: "labelValue" }),
});
const annotationsSchema = map({
  description: "Notes on the object.",
  keys: "labelKey",
  values: string({ description: "Any text.", format: "annotationValue" }),
});

export const metadataSchema = object({
  description: "Name, namespace, labels and annotations.",
  fields: {
    name: string({ description: "The object's name, unique for its kind and namespace.", format: "name" }),
    namespace: string({ description: "Where it lives.", default: "the caller's namespace", format: "label" }),
    labels: labelsSchema,
    annotations: annotationsSchema,
  },
});

/** What a cluster adds when it is asked for an object: true there, nothing to us. */
const clusterFields: ReadonlySet<string> = new Set([
  ...["creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers", "generation"],
  ...["managedFields", "ownerReferences", "resourceVersion", "selfLink", "uid"],
]);

/** Annotations that change what a policy does; to read over one would enforce or drop a policy by mistake. */
const meaningfulAnnotations: ReadonlySet<string> = new Set(["istio.io/dry-run", "mesh.io/dry-run"]);

export function readMetadata(root: Node, otherwise: Namespace, tell: Tell): Resource["metadata"] | undefined {
  const node = fieldOf(root, "metadata");
  if (node?.kind !== "map") {
    tell(node ? path : [], node ? "MSH1203" : "MSH1106", "must have `metadata`, an object with a `name`");
    return undefined;
  }
  let good = true;
  const wrong: Tell = (at, code, message) => {
    good = false;
    tell(at, code, message);
  };
  const known = Object.keys(metadataSchema.fields);
  for (const name of node.entries.keys()) {
    if (known.includes(name) || clusterFields.has(name)) continue;
    if (name === "generateName") wrong([...path, name], "MSH1106", "is not taken; give the object a `name`");
    else wrong([...path, name], "MSH1201", `there is no field ${shown(name)} here${suggestion(name, known)}`);
  }
  const name = nameOf(node, wrong);
  const namespace = namespaceOf(node, otherwise, wrong);
  if (namespace === rootNamespace && fieldOf(node, "namespace")?.kind === "string") tellRoot(node, tell);
  const labelsNode = fieldOf(node, "labels");
  const annotationsNode = fieldOf(node, "annotations");
  const labels = labelsNode && validate(labelsSchema, labelsNode, { path: [...path, "labels"], tell: wrong });
  const annotations =
    annotationsNode && validate(annotationsSchema, annotationsNode, { path: [...path, "annotations"], tell: wrong });
  for (const key of Object.keys(annotations ?? {})) {
    if (meaningfulAnnotations.has(key))
      wrong([...path, "annotations", key], "MSH1309", "is not supported yet; remove it");
  }
  if (!good || name === undefined || namespace === undefined) return undefined;
  return { name, namespace, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) };
}

/** When a mesh that printed the object says that it was made, ms. Nothing is wrong with one that says it in another way. */
export function readCreation(root: Node): number | undefined {
  const text = textOf(fieldOf(fieldOf(root, "metadata"), "creationTimestamp"));
  const ms = text !== undefined && /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isInteger(ms) && ms >= 0 ? ms : undefined;
}

function nameOf(metadata: Node, wrong: Tell): string | undefined {
  const node = fieldOf(metadata, "name");
  const at = [...path, "name"];
  if (node?.kind !== "string") {
    const found = node === undefined ? "is missing" : "must be text; put it in quotes";
    wrong(at, "MSH1106", found);
    return undefined;
  }
  const problem = checkFormat("name", node.value);
  if (problem !== undefined) wrong(at, "MSH1106", problem);
  return node.value;
}

function namespaceOf(metadata: Node, otherwise: Namespace, wrong: Tell): Namespace | undefined {
  const node = fieldOf(metadata, "namespace");
  if (node === undefined) return otherwise;
  const text = node.kind === "string" ? node.value : undefined;
  if (text === istioRootNamespace) return rootNamespace;
  const namespace = text === undefined ? undefined : namespaceFrom(text);
  if (!namespace) {
    const found = text === undefined ? "must be text; put it in quotes" : checkFormat("label", text);
    wrong([...path, "namespace"], "MSH1107", found ?? "is no namespace");
  }
  return namespace;
}

function tellRoot(metadata: Node, tell: Tell): void {
  const node = fieldOf(metadata, "namespace");
  if (node?.kind === "string" && node.value === istioRootNamespace) {
    tell([...path, "namespace"], "MSH1108", `${istioRootNamespace} is read as ${rootNamespace}; write that`);
  }
}

/** namespace/name of a document that may be bad, for messages; undefined when it says no name. */
export function roughName(root: Node, otherwise: Namespace): string | undefined {
  const metadata = fieldOf(root, "metadata");
  const name = fieldOf(metadata, "name");
  const namespace = fieldOf(metadata, "namespace");
  if (name?.kind !== "string") return undefined;
  const where = namespace?.kind === "string" && isDnsLabel(namespace.value) ? namespace.value : otherwise;
  return `${where}/${checkFormat("name", name.value) === undefined ? name.value : shown(name.value)}`;
}
