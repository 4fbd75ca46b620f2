/** A host that an agent has joined, under hostRecord(hostName). */
import { type Decoded, integer, literal, object, text } from "../../platform/decode.ts";

export type HostRecord = Decoded<typeof decodeHostRecord>;

export const decodeHostRecord = object(
  {
    format: literal(1),
    hostName: text(253),
    /** SPKI, base64 DER. */
    hostKey: text(1024),
    joinedAtMs: integer(0),
    tokenId: text(64),
  },
  { revokedAtMs: integer(0) },
);

// Lower case, because record keys are case-blind and SPIFFE IDs are not: two hosts must never share a record.
const hostNamePattern = /^[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?$/;

export function isHostName(name: string): boolean {
  return hostNamePattern.test(name) && !name.includes("..");
}
