/** The golden cases on disk: test/golden/STAGE/CASE/{input,ir,envoy}.yaml */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Item } from "../../src/compile/ir.ts";
import { compileOnce } from "../../src/compile/once.ts";
import { type GoldenInput, loadGolden } from "./load.ts";

export const goldenDir = import.meta.dirname;
export const goldenFiles = ["input.yaml", "ir.yaml", "envoy.yaml"];

export interface GoldenCase {
  /** STAGE/CASE */
  readonly name: string;
  readonly directory: string;
  readonly files: readonly string[];
}

export function goldenCases(): readonly GoldenCase[] {
  return foldersIn(goldenDir).flatMap((stage) =>
    foldersIn(join(goldenDir, stage)).map((name) => {
      const directory = join(goldenDir, stage, name);
      return { name: `${stage}/${name}`, directory, files: readdirSync(directory) };
    }),
  );
}

function foldersIn(directory: string): readonly string[] {
  const entries = readdirSync(directory, { withFileTypes: true });
  return entries.flatMap((entry) => (entry.isDirectory() ? entry.name : [])).sort();
}

export interface CompiledCase {
  readonly input: GoldenInput;
  /** Everything the proxy would get, by type and name. */
  readonly items: readonly Item[];
}

export function compileCase({ directory }: GoldenCase): CompiledCase {
  const input = loadGolden(readFileSync(join(directory, "input.yaml"), "utf8"));
  const { items } = compileOnce(input.contents, input.workload);
  const key = ({ type, name }: Item): string => `${type} ${name}`;
  return { input, items: [...items].sort((a, b) => (key(a) < key(b) ? -1 : 1)) };
}

export function shown({ input, items }: CompiledCase): readonly Item[] {
  if (input.show.length === 0) return items;
  return items.filter(({ type, name }) => input.show.some((beginning) => `${type} ${name}`.startsWith(beginning)));
}
