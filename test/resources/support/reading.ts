/** Short words for tests that read texts. */
import assert from "node:assert/strict";
import type { MeshObject } from "../../../src/model/object.ts";
import type { Problem } from "../../../src/model/problem.ts";
import { kinds } from "../../../src/resources/kinds/catalog.ts";
import { type ParsedResource, parseResources } from "../../../src/resources/parse.ts";
import { toModel } from "../../../src/resources/to_model.ts";

export function errorsOf(text: string): readonly Problem[] {
  return parseResources({ file: "a.yaml", text }).problems.filter(({ severity }) => severity === "error");
}

/** code, field and message of each problem: what tests compare. */
export function brief(problems: readonly Problem[]): readonly string[] {
  return problems.map(({ code, field, message }) => `${code} ${field ?? ""}: ${message}`);
}

/** The only error of a text. */
export function onlyError(text: string): Problem {
  const errors = errorsOf(text);
  assert.equal(errors.length, 1, JSON.stringify(errors, undefined, 1));
  const [first] = errors;
  assert.ok(first);
  return first;
}

export function parseGood(text: string): readonly ParsedResource[] {
  const { resources, problems } = parseResources({ file: "a.yaml", text });
  assert.deepEqual(brief(problems.filter(({ severity }) => severity === "error")), []);
  return resources;
}

export function modelOf<K extends MeshObject["kind"]>(
  kind: K,
  text: string,
): Extract<MeshObject, { readonly kind: K }> {
  const [one] = parseGood(text);
  assert.ok(one);
  const object = toModel({ resource: one.resource, generation: 1, createdAtMs: 7 });
  assert.ok(isKind(object, kind));
  return object;
}

function isKind<K extends MeshObject["kind"]>(
  object: MeshObject,
  kind: K,
): object is Extract<MeshObject, { readonly kind: K }> {
  return object.kind === kind;
}

/** A document of a kind; `spec` is YAML, indented by its caller as it likes. */
export function document(kind: string, spec: string, metadata = "{name: x, namespace: shop}"): string {
  const area = Object.values(kinds).find((one) => one.kind === kind)?.area ?? "networking";
  const lines = spec.split("\n").filter((line) => line.trim() !== "");
  const margin = Math.min(...lines.map((line) => line.length - line.trimStart().length));
  const body = lines.map((line) => `  ${line.slice(margin)}`).join("\n");
  return `apiVersion: ${area}.mesh.io/v1\nkind: ${kind}\nmetadata: ${metadata}\nspec:\n${body}\n`;
}
