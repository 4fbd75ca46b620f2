/**
 * Text → YAML's syntax trees, within limits, before anything recurses over them. The lexer and parser of the `yaml`
 * library keep their own stack; its height is the nesting, so depth is refused while it grows, at its line.
 */
import { type CST, Lexer, Parser } from "yaml";
import { limits } from "../../platform/limits.ts";
import type { ProblemCode } from "../problem_codes.ts";

export type Scan =
  | { readonly kind: "tokens"; readonly tokens: readonly CST.Token[] }
  | { readonly kind: "refused"; readonly code: ProblemCode; readonly offset: number; readonly message: string };

export function scan(text: string): Scan {
  const bytes = Buffer.byteLength(text);
  if (bytes > limits.applyBytes) {
    const message = `${bytes} bytes; at most ${limits.applyBytes} are read at a time: split it`;
    return { kind: "refused", code: "MSH1001", offset: 0, message };
  }
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  let count = 0;
  for (const lexeme of new Lexer().lex(text)) {
    count += 1;
    for (const token of parser.next(lexeme)) tokens.push(token);
    if (depthOf(parser.stack) > limits.yamlDepth) {
      const message = `nested deeper than ${limits.yamlDepth} levels; no resource needs that`;
      return { kind: "refused", code: "MSH1003", offset: parser.offset, message };
    }
    if (count > limits.yamlTokens) {
      const message = `more than ${limits.yamlTokens} words and signs; split it into several applies`;
      return { kind: "refused", code: "MSH1001", offset: parser.offset, message };
    }
  }
  for (const token of parser.end()) tokens.push(token);
  return { kind: "tokens", tokens };
}

/** The document itself and a scalar at the top of the stack are no levels. */
function depthOf(stack: readonly CST.Token[]): number {
  const last = stack.at(-1)?.type ?? "document";
  const inside = last.startsWith("block-") || last.startsWith("flow-");
  return stack.length - (inside || last === "document" ? 1 : 2);
}
