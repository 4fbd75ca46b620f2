/** A file that the command line names. */
import { readFile } from "node:fs/promises";
import { WeftError } from "../platform/error.ts";

export async function readTextFile(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw WeftError.from(cause, `read ${file}`, { code: "not-found", retry: "never" });
  }
}
