/**
 * Whether a host is let in: plain functions of what it sent and what the store holds. service.ts acts on the answers.
 *
 *   token:  made ──first good join──► used (by one host and key; that same host may repeat its join)
 *   host:   unknown ──join──► known ──revoke──► revoked ──join with a token made for its name──► known
 */
import { unreachable } from "../../platform/error.ts";
import type { CsrRefusal } from "../signing_request.ts";
import { type HostRecord, isHostName } from "./host_record.ts";
import { secretMatches, type TokenRecord } from "./join_token.ts";
import type { HostRequest, JoinRequest } from "./protocol.ts";
import { hostSignatureHolds, hostSigned, joinSigned } from "./signatures.ts";

/** Stable; the API answers them as problem details. */
export type AttestRefusal =
  | "bad-host-name"
  | "bad-signature"
  | "token-refused" // unknown, or the wrong secret: told alike, so that nobody learns which tokens exist
  | "token-expired"
  | "token-used"
  | "token-for-another-host"
  | "host-known"
  | "host-unknown"
  | "host-revoked"
  | "nonce-refused"
  | "overloaded"
  | "unavailable"
  | `csr-${CsrRefusal}`;

export interface Refused {
  readonly kind: "refused";
  readonly code: AttestRefusal;
  readonly message: string;
  readonly retry: "never" | "later";
}

export function refused(code: AttestRefusal, message: string, retry: Refused["retry"] = "never"): Refused {
  return { kind: "refused", code, message, retry };
}

export type JoinDecision =
  | Refused
  /** This host, with this key, has used the token before: its answer was lost. */
  | { readonly kind: "known" }
  | { readonly kind: "register"; readonly token: TokenRecord; readonly host: HostRecord };

/** Before the store is asked: what a request must hold by itself. undefined: nothing is wrong. */
export function checkJoinRequest(request: JoinRequest): Refused | undefined {
  if (!isHostName(request.hostName)) return badHostName(request.hostName);
  if (hostSignatureHolds(request.hostKey, joinSigned(request), request.signature)) return undefined;
  return refused("bad-signature", "the join is not signed by the host key that it offers");
}

export function badHostName(hostName: string): Refused {
  const shown = JSON.stringify(hostName.slice(0, 64));
  return refused("bad-host-name", `${shown} is not a host name: lower-case letters, digits, '-', '_' and '.' only`);
}

export function decideJoin(
  request: JoinRequest,
  held: { readonly token: TokenRecord | undefined; readonly host: HostRecord | undefined },
  nowMs: number,
): JoinDecision {
  const { token, host } = held;
  const { hostName, hostKey } = request;
  if (!token || !secretMatches(token, request.tokenSecret)) {
    return refused("token-refused", "there is no such join token; make one with `meshctl token create`");
  }
  const same = host?.hostKey === hostKey && host.revokedAtMs === undefined;
  if (token.used) {
    const repeated = token.used.hostName === hostName && token.used.hostKey === hostKey && same;
    if (repeated) return { kind: "known" };
    return refused("token-used", `the join token was used at ${new Date(token.used.atMs).toISOString()}; make another`);
  }
  if (nowMs >= token.expiresAtMs) return refused("token-expired", "the join token has expired; make another");
  if (token.hostName !== undefined && token.hostName !== hostName) {
    return refused("token-for-another-host", `the join token was made for host ${token.hostName}`);
  }
  if (host && !same && token.hostName !== hostName) {
    const message = `host ${hostName} has joined with another key; make a token for it with its name to replace that key`;
    return refused(host.revokedAtMs === undefined ? "host-known" : "host-revoked", message);
  }
  return {
    kind: "register",
    token: { ...token, used: { hostName, hostKey, atMs: nowMs } },
    host: { format: 1, hostName, hostKey, joinedAtMs: nowMs, tokenId: token.id },
  };
}

export function decideHost(request: HostRequest, host: HostRecord | undefined): Refused | { readonly kind: "known" } {
  if (!host) return refused("host-unknown", `host ${request.hostName} has not joined this mesh; join with a token`);
  if (host.revokedAtMs !== undefined) return refused("host-revoked", `host ${request.hostName} was revoked`);
  if (hostSignatureHolds(host.hostKey, hostSigned(request), request.signature)) return { kind: "known" };
  return refused("bad-signature", "the request is not signed by the key that the host joined with");
}

/** What a spent nonce means for its request. */
export function nonceRefusal(spent: "again" | "full"): Refused {
  switch (spent) {
    case "again":
      return refused("nonce-refused", "the nonce was used before; ask for another", "later");
    case "full":
      return refused("overloaded", "too many hosts attest at once; try again", "later");
    default:
      return unreachable(spent);
  }
}
