/** JSON text from another program or an own file → a typed value, by a decoder. */
import type { Decode } from "../platform/decode.ts";
import { WeftError } from "../platform/error.ts";

/** @param what names the document in the error: "the reply to POST /v1/agent/svids". */
export function parseJson<T>(source: string, decode: Decode<T>, what: string): T {
  return decode(parsed(source, what), what);
}

function parsed(source: string, what: string): unknown {
  try {
    return JSON.parse(source);
  } catch (cause) {
    throw new WeftError({
      code: "invalid",
      retry: "never",
      attempted: `read ${what}`,
      because: "it is not JSON",
      cause,
    });
  }
}
