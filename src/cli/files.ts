/** Files that a command was given: FILE, DIR or - for stdin; read here, parsed by the node (or offline by `compile`). */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { limits } from "../platform/limits.ts";
import type { ApiCall } from "./api_client.ts";
import type { CliContext } from "./command.ts";
import { CommandFailure, exit } from "./exit.ts";
import { collect, type OptionReader } from "./options.ts";

export interface SourceFile {
  /** As the user named it; "-" for stdin. */
  readonly name: string;
  readonly text: string;
}

export function addFileFlags(command: Command): Command {
  return command
    .option("-f, --filename <file>", "file, directory, or - for stdin; may be given more than once", collect)
    .option("-R, --recursive", "take directories below as well");
}

export async function readFiles(context: CliContext, options: OptionReader): Promise<readonly SourceFile[]> {
  const given = options.list("filename");
  if (given.length === 0) throw new CommandFailure(exit.usage, "name what to read: -f FILE, -f DIR or -f -");
  const files: SourceFile[] = [];
  let bytes = 0;
  for (const name of given) {
    for (const path of name === "-" ? ["-"] : await expand(name, options.flag("recursive"))) {
      const text = path === "-" ? await context.stdin() : await readText(path);
      bytes += Buffer.byteLength(text);
      if (bytes > limits.applyBytes) throw tooLarge(path);
      files.push({ name: path, text });
      if (files.length > limits.applyFiles) {
        const most = limits.applyFiles;
        throw new CommandFailure(exit.badInput, `${name}: more than the ${most} files of one apply; split it`);
      }
    }
  }
  return files;
}

async function expand(name: string, recursive: boolean): Promise<readonly string[]> {
  const found = await stat(name).catch(refuseFile(name));
  if (!found.isDirectory()) return [name];
  const entries = await readdir(name, { recursive, withFileTypes: true }).catch(refuseFile(name));
  const paths = entries
    .filter((entry) => entry.isFile() && /\.(ya?ml|json)$/i.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  if (paths.length > 0) return paths;
  const hint = recursive ? "" : " (-R looks into the directories below)";
  throw new CommandFailure(exit.badInput, `${name}: no .yaml, .yml or .json file in it${hint}`);
}

async function readText(path: string): Promise<string> {
  const { size } = await stat(path).catch(refuseFile(path));
  if (size > limits.applyBytes) throw tooLarge(path);
  return readFile(path, "utf8").catch(refuseFile(path));
}

function refuseFile(path: string): (cause: NodeJS.ErrnoException) => never {
  return (cause) => {
    const because = cause.code === "ENOENT" ? "no such file" : cause.message;
    throw new CommandFailure(exit.badInput, `${path}: ${because}`);
  };
}

function tooLarge(path: string): CommandFailure {
  const because = `more than the ${limits.applyBytes} bytes of one apply; split it`;
  return new CommandFailure(exit.badInput, `${path}:1:1: error MSH1001: ${because}`);
}

/** How several named files go in one request: `application/vnd.weft.apply+json`. */
export function sourcesBody(files: readonly SourceFile[]): NonNullable<ApiCall["body"]> {
  return { contentType: "application/vnd.weft.apply+json", text: JSON.stringify({ files }) };
}
