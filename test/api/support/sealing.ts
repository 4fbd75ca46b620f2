/** A node's sealing, with a key of the test's own. */
import type { Sealing } from "../../../src/api/ports.ts";
import { makeSealingKeyText, sealingKeyFrom } from "../../../src/certificates/key_sealing.ts";
import { secretSealing } from "../../../src/meshd/secret_sealing.ts";
import { seededRandom } from "../../../src/platform/random.ts";

export function testSealing(seed = 1): Sealing {
  const random = seededRandom(seed);
  return secretSealing(sealingKeyFrom(makeSealingKeyText(random)), random);
}
