// Hashes of files, by which set-up knows whether what it made is still what its inputs ask for.

import { createHash } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";

/** One SHA-256 over the named files' contents, in the order given, and over the extra words. */
export function hashOf(files, ...words) {
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(file)).update("\0");
  for (const word of words) hash.update(word).update("\0");
  return hash.digest("hex");
}

/** SHA-256 of one file that may be large. */
export async function sha256(file) {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest("hex");
}
