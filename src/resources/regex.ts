/**
 * A user's regular expression must be one that every Envoy accepts: RE2 syntax, and a program that stays under the
 * size that Weft's bootstrap allows (`re2.max_program_size.error_level`, twice `limits.regexProgram`). RE2 matches in
 * linear time, so size is the only danger left. Envoy counts ranges of characters where re2js counts one instruction
 * for a class, so instructions are weighed by their ranges.
 */
import { RE2JS } from "re2js";
import { limits } from "../platform/limits.ts";

const wideEscape = /\\x\{0*[1-9a-f][0-9a-f]{2,}\}/i;

/** undefined: good. Otherwise what is wrong with it. */
export function checkRegex(text: string): string | undefined {
  if (text === "") return "must not be empty; leave the match out to take everything";
  if (text.length > limits.regexCharacters) {
    return `is ${text.length} characters; at most ${limits.regexCharacters} are taken`;
  }
  if (wideEscape.test(text)) return "names a character above \\x{FF}; Envoy matches bytes: write the character itself";
  let weight: number;
  try {
    weight = programWeight(RE2JS.compile(text));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.replace(/^error parsing regexp: /, "") : "unknown";
    return `is not a regular expression of RE2: ${reason.slice(0, 200)}`;
  }
  return weight > limits.regexProgram
    ? `compiles to about ${weight} instructions; Envoy takes ${limits.regexProgram}: use fewer repetitions or Unicode classes`
    : undefined;
}

/** About how many instructions RE2 makes of it in Envoy, which reads patterns and text as Latin-1: never fewer. */
function programWeight(compiled: RE2JS): number {
  let weight = 0;
  for (const { runes } of compiled.re2().prog.inst) {
    weight += 1;
    for (let index = 0; index < runes.length; index += 2) {
      if (runes[index] <= 0xff) weight += 1;
    }
    // One character outside of ASCII is as many as it has bytes.
    if (runes.length === 1 && runes[0] > 0x7f) weight += 3;
  }
  return weight;
}
