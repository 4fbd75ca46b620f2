/** The API's token, from the file that the command line names. Read at start by doors.ts. */
import { WeftError } from "../platform/error.ts";
import type { MeshdOptions } from "./options.ts";
import { readTextFile } from "./text_file.ts";

/** Fewer could be guessed: 32 characters of hex are 128 bits. */
const leastCharacters = 32;

/** undefined: none is asked for. */
export async function readApiToken({ apiTokenFile }: MeshdOptions): Promise<string | undefined> {
  if (apiTokenFile === undefined) return undefined;
  const [token = ""] = (await readTextFile(apiTokenFile)).split(/\r?\n/);
  // Visible ASCII: what a header can carry.
  if (token.length >= leastCharacters && /^[\x21-\x7e]+$/.test(token)) return token;
  throw new WeftError({
    code: "invalid",
    retry: "never",
    attempted: `read ${apiTokenFile}`,
    because: `its first line is no token: at least ${leastCharacters} characters without spaces`,
    next: "openssl rand -hex 32 makes one",
  });
}
