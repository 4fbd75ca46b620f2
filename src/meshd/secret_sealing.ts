/** Secrets under the key that seals the authority's root keys: every node that may own those opens these too. */
import type { Sealing } from "../api/ports.ts";
import { openKey, type SealingKey, sealKey } from "../certificates/key_sealing.ts";
import { object, parseJson, text } from "../platform/decode.ts";
import { limits } from "../platform/limits.ts";
import { Secret } from "../platform/log.ts";
import type { Random } from "../platform/random.ts";

const pem = text(limits.secretBytes);
const decodeContents = object({}, { keyPair: object({ chain: pem, key: pem }), authorities: pem });

export function secretSealing(key: SealingKey, random: Random): Sealing {
  return {
    seal: (contents, binding) => sealKey(Buffer.from(JSON.stringify(contents.reveal()), "utf8"), binding, key, random),
    open(sealed, binding) {
      const json = Buffer.from(openKey(sealed, binding, key)).toString("utf8");
      return new Secret(parseJson(json, decodeContents, binding));
    },
  };
}
