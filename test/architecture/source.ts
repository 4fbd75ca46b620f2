// Reads src/ as text: which files there are, what they import, and their code without comments and strings. Small on purpose: it
// knows just enough of the language to not be fooled by quotes and comments.

import { globSync, readFileSync } from "node:fs";
import { dirname, join, posix, resolve } from "node:path";

export const root = resolve(import.meta.dirname, "../..");

export type Import = {
  /** As written, except that a relative path is made relative to src/. */
  readonly target: string;
  readonly line: number;
  readonly typesOnly: boolean;
};

/** Paths relative to src/, with `/`. */
export function sourceFiles(pattern = "**/*"): string[] {
  return globSync(pattern, { cwd: join(root, "src"), withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => posix.relative(join(root, "src"), posix.join(entry.parentPath, entry.name)))
    .sort();
}

export function read(file: string): string {
  return readFileSync(join(root, "src", file), "utf8");
}

const importStatement =
  /^\s*(import|export)\s+(type\s)?[^;"']*?\bfrom\s*["']([^"'\n]+)["']|^\s*import\s*["']([^"'\n]+)["']/gm;
const dynamicImport = /\bimport\(\s*["']([^"'\n]+)["']/g;

export function importsOf(file: string, source: string): Import[] {
  const code = withoutComments(source);
  const found: Import[] = [];
  for (const match of code.matchAll(importStatement)) {
    const specifier = match[3] ?? match[4] ?? "";
    const line = lineAt(code, match.index + match[0].length);
    found.push({ target: resolved(file, specifier), line, typesOnly: match[2] !== undefined });
  }
  for (const match of code.matchAll(dynamicImport)) {
    found.push({ target: resolved(file, match[1] ?? ""), line: lineAt(code, match.index), typesOnly: false });
  }
  return found;
}

export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

function resolved(file: string, specifier: string): string {
  return specifier.startsWith(".") ? posix.join(dirname(file), specifier) : specifier;
}

const quote = /["'`]/;
/** After one of these a slash begins a regular expression, otherwise it divides. */
const beforeRegex = /(?:^|[(,=:[!&|?{};>+\-*%~^]|\b(?:return|typeof|case|in|of|do|else|void|throw|await|yield))\s*$/;

export function withoutComments(source: string): string {
  return blanked(source, { strings: false });
}

export function withoutCommentsAndStrings(source: string): string {
  return blanked(source, { strings: true });
}

/** Same length and lines, with comments (and the contents of strings, if asked) replaced by spaces. Code in `${…}` stays. */
function blanked(source: string, options: { readonly strings: boolean }): string {
  let out = "";
  let at = 0;
  /** For every `${` that is open, how many braces are open in it. */
  const templates: number[] = [];

  const take = (end: number, blank: boolean): void => {
    const text = source.slice(at, end);
    out += blank ? text.replaceAll(/[^\n]/g, " ") : text;
    at = end;
  };
  const takeString = (close: string): void => {
    let end = at;
    while (end < source.length && source[end] !== close && !(close === "`" && source.startsWith("${", end))) {
      end += source[end] === "\\" ? 2 : 1;
    }
    take(end, options.strings);
    const opensCode = source.startsWith("${", at);
    if (opensCode) templates.push(0);
    take(at + (opensCode ? 2 : 1), false);
  };

  while (at < source.length) {
    const here = source[at] ?? "";
    const depth = templates.at(-1);
    if (source.startsWith("//", at)) take(endOr(source, source.indexOf("\n", at)), true);
    else if (source.startsWith("/*", at)) take(endOr(source, source.indexOf("*/", at + 2) + 2), true);
    else if (here === "/" && beforeRegex.test(out.slice(-80))) take(regexEnd(source, at), options.strings);
    else if (quote.test(here)) {
      take(at + 1, false);
      takeString(here);
    } else if (here === "}" && depth === 0) {
      templates.pop();
      take(at + 1, false);
      takeString("`");
    } else {
      if (depth !== undefined && here === "{") templates[templates.length - 1] = depth + 1;
      if (depth !== undefined && here === "}") templates[templates.length - 1] = depth - 1;
      take(at + 1, false);
    }
  }
  return out;
}

function endOr(source: string, index: number): number {
  return index > 1 ? index : source.length;
}

function regexEnd(source: string, start: number): number {
  let inClass = false;
  let at = start + 1;
  for (; at < source.length && source[at] !== "\n"; at += 1) {
    if (source[at] === "\\") at += 1;
    else if (source[at] === "[") inClass = true;
    else if (source[at] === "]") inClass = false;
    else if (source[at] === "/" && !inClass) return at + 1;
  }
  return at;
}
