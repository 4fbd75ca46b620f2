/** The documents of a request: parsed, or refused with every mistake in them at once. */
import type { Namespace } from "../../model/names.ts";
import { isError, type Problem, type SourcePosition } from "../../model/problem.ts";
import { analyze, type Known } from "../../resources/analyze.ts";
import { singularOf } from "../../resources/kinds/catalog.ts";
import { parseResources } from "../../resources/parse.ts";
import type { Sealing } from "../ports.ts";
import { invalidInput } from "../problem_details.ts";
import type { Declared } from "./plan.ts";
import { sealedOf } from "./sealed.ts";

export interface Source {
  /** File name as the user gave it. */
  readonly name?: string;
  readonly text: string;
}

export interface Documents {
  readonly declared: readonly Declared[];
  /** Kubernetes' own kinds. */
  readonly ignored: readonly { readonly kind: string; readonly namespace: string; readonly name: string }[];
  readonly warnings: readonly Problem[];
  /** Gives problems that were found later, and name only the object, the place where the object stands. */
  readonly placed: (problems: readonly Problem[]) => readonly Problem[];
  /** What is odd about the documents beside what the mesh has: dangling references, shared hosts. */
  readonly judge: (known: Known) => readonly Problem[];
}

export interface Reading {
  /** Of objects that name none. */
  readonly namespace: Namespace | undefined;
  readonly sealing: Sealing;
}

export function readDocuments(sources: readonly Source[], { namespace, sealing }: Reading): Documents {
  const texts = sources.map(({ name, text }) => (name === undefined ? { text } : { file: name, text }));
  const { resources, ignored, problems } = parseResources(texts, namespace === undefined ? {} : { namespace });
  if (problems.some(isError)) throw invalidInput(problems);
  const places = new Map(
    resources.map(({ resource: { kind, metadata }, position }) => [
      `${singularOf(kind)} ${metadata.namespace}/${metadata.name}`,
      position,
    ]),
  );
  return {
    declared: resources.map((read) => {
      const sealed = sealedOf(read, sealing);
      return { resource: read.resource, ...originOf(read.position), ...(sealed ? { sealed } : {}) };
    }),
    ignored: ignored.map(({ kind, namespace: of, name }) => ({ kind, namespace: of, name })),
    warnings: problems,
    placed: (later) =>
      later.map((problem) => {
        const position = problem.position ?? places.get(problem.object ?? "");
        return position ? { ...problem, position } : problem;
      }),
    judge: (known) => analyze(resources, known),
  };
}

function originOf({ file, line }: SourcePosition): { readonly origin?: string } {
  return file === undefined ? {} : { origin: `${file}:${line}` };
}
