/** Signs one batch of CSRs. Runs in a worker; pure but for the signatures and the serial numbers' chance. */

import type { SvidAnswer } from "../certificates/signer.ts";
import { readSigningRequest } from "../certificates/signing_request.ts";
import { issuedForm, issueSvid } from "../certificates/svid.ts";
import type { Random } from "../platform/random.ts";
import type { SignResult, SignTask } from "./messages.ts";

export function runSignTask({ issuer, requests, lifetimeMs, nowMs }: SignTask, random: Random): SignResult {
  const answers = requests.map(({ spiffeId, csr }): SvidAnswer => {
    const read = readSigningRequest(csr);
    if (read.kind === "refused") return read;
    const svid = issueSvid({ spiffeId, publicKey: read.publicKey, lifetimeMs }, issuer, nowMs, random);
    return { kind: "issued", svid: issuedForm(svid) };
  });
  return { kind: "sign", answers };
}
