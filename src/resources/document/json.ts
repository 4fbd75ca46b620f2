/** A JSON body → plain data → nodes, within limits. For what programs send: fields have paths, not lines. */
import { limits } from "../../platform/limits.ts";
import type { ProblemCode } from "../problem_codes.ts";
import { type Node, nodeOf } from "./node.ts";

export type Json =
  | { readonly kind: "read"; readonly root: Node }
  | { readonly kind: "refused"; readonly code: ProblemCode; readonly message: string };

export function readJson(text: string): Json {
  if (text.length > limits.endpointsBytes) {
    return { kind: "refused", code: "MSH1001", message: `at most ${limits.endpointsBytes} bytes are read at a time` };
  }
  if (deeperThan(text, limits.yamlDepth)) {
    return { kind: "refused", code: "MSH1003", message: `nested deeper than ${limits.yamlDepth} levels` };
  }
  try {
    return { kind: "read", root: nodeOf(JSON.parse(text)) };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message.slice(0, 200) : "unreadable";
    return { kind: "refused", code: "MSH1002", message: `not JSON: ${message}` };
  }
}

/** Counts brackets outside of strings, before anything recurses. */
function deeperThan(text: string, most: number): boolean {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (quoted) {
      if (character === "\\") at += 1;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === "{" || character === "[") {
      depth += 1;
      if (depth > most) return true;
    } else if (character === "}" || character === "]") depth -= 1;
  }
  return false;
}
