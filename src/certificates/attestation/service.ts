/**
 * A node's side of attestation (protocol.ts): join, challenge, host; and an operator's: make a token, revoke a host. It
 * reads records, lets decisions.ts decide, writes by compare-and-set and has the agent's SVID signed. The token and the
 * host are written in one batch, so of two hosts that present one token at once, on two nodes, one is refused by the
 * store. An answer that never came is closed by reading and deciding again: the same host with the same key is known.
 *
 * Called by the agent listener and the API; it holds nothing but nonces, so any node can serve any host.
 */
import { agentId, type TrustDomain } from "../../model/identity.ts";
import type { Clock } from "../../platform/clock.ts";
import { WeftError } from "../../platform/error.ts";
import { type Random, ulid } from "../../platform/random.ts";
import { fromBase64 } from "../base64.ts";
import { fingerprint, rootsOf } from "../bundle.ts";
import type { SvidSource } from "../signer.ts";
import { readSigningRequest } from "../signing_request.ts";
import {
  badHostName,
  checkJoinRequest,
  decideHost,
  decideJoin,
  nonceRefusal,
  type Refused,
  refused,
} from "./decisions.ts";
import { type HostRecord, isHostName } from "./host_record.ts";
import { makeJoinToken, type TokenRecord } from "./join_token.ts";
import { Nonces } from "./nonces.ts";
import type { AttestReply, BundleSet, Challenge, HostRequest, JoinRequest, NodeAddresses } from "./protocol.ts";

/** A record as it was read; `seen` is what its compare-and-set must name. */
export interface Held<T, Seen> {
  readonly value: T | undefined;
  readonly seen: Seen;
}

export type AttestationWrite<Seen> =
  | { readonly kind: "token"; readonly value: TokenRecord; readonly seen: Seen }
  | { readonly kind: "host"; readonly value: HostRecord; readonly seen: Seen };

/** Records without an actor. `write` is one batch: all or nothing. */
export interface AttestationRecords<Seen> {
  readToken(id: string): Promise<Held<TokenRecord, Seen>>;
  readHost(hostName: string): Promise<Held<HostRecord, Seen>>;
  write(operation: string, writes: readonly AttestationWrite<Seen>[]): Promise<"done" | "refused" | "unknown">;
}

export interface AttestationOptions<Seen> {
  readonly trustDomain: TrustDomain;
  readonly records: AttestationRecords<Seen>;
  readonly svids: SvidSource;
  readonly bundle: () => BundleSet;
  readonly nodes: () => NodeAddresses;
  readonly clock: Clock;
  readonly random: Random;
}

export type AttestResult = Refused | { readonly kind: "admitted"; readonly reply: AttestReply };

export interface CreatedToken {
  /** For the operator's eyes only. */
  readonly text: string;
  readonly id: string;
  readonly expiresAtMs: number;
}

// Two hosts may race for one token, and an answer may be lost, but not for ever.
const writeAttempts = 4;

export class AttestationService<Seen> {
  readonly #options: AttestationOptions<Seen>;
  readonly #nonces: Nonces;

  constructor(options: AttestationOptions<Seen>) {
    this.#options = options;
    this.#nonces = new Nonces(options.clock, options.random);
  }

  challenge(hostName: string): Refused | { readonly kind: "challenge"; readonly challenge: Challenge } {
    if (!isHostName(hostName)) return badHostName(hostName);
    return { kind: "challenge", challenge: { nonce: this.#nonces.give(hostName) } };
  }

  async join(request: JoinRequest): Promise<AttestResult> {
    const wrong = checkJoinRequest(request) ?? this.#checkCsr(request.csr);
    return wrong ?? (await this.#register(request)) ?? this.#admit(request.hostName, request.csr);
  }

  async host(request: HostRequest): Promise<AttestResult> {
    const { hostName, nonce, csr } = request;
    if (!isHostName(hostName)) return badHostName(hostName);
    if (!this.#nonces.holds(nonce, hostName)) {
      return refused("nonce-refused", "the nonce is not this node's, or has ended; ask for another", "later");
    }
    const wrong = this.#checkCsr(csr);
    if (wrong) return wrong;
    const { value } = await this.#options.records.readHost(hostName);
    const decision = decideHost(request, value);
    if (decision.kind === "refused") return decision;
    const spent = this.#nonces.spend(nonce);
    return spent === "spent" ? this.#admit(hostName, csr) : nonceRefusal(spent);
  }

  /** @param request.hostName binds the token to one host, and lets it replace that host's key. */
  async createToken(request: {
    readonly addresses: readonly string[];
    readonly lifetimeMs: number;
    readonly hostName?: string;
  }): Promise<CreatedToken> {
    const { records, clock, random, trustDomain } = this.#options;
    // The active root stands first; it is the one that nodes send at the end of their chain.
    const root = rootsOf(this.#options.bundle(), trustDomain)[0];
    if (!root) throw failure("create a join token", "this node holds no root yet");
    const made = makeJoinToken({ ...request, trustDomain, rootFingerprint: fingerprint(root) }, clock.nowMs(), random);
    const { seen } = await records.readToken(made.record.id);
    const outcome = await records.write(this.#operation(), [{ kind: "token", value: made.record, seen }]);
    if (outcome !== "done") throw failure("create a join token", `the store answered ${outcome}`);
    return { text: made.text, id: made.record.id, expiresAtMs: made.record.expiresAtMs };
  }

  /** From now on the host's key opens nothing; SVIDs it holds end by themselves. */
  async revokeHost(hostName: string): Promise<"revoked" | "unknown-host"> {
    const { records, clock } = this.#options;
    const operation = this.#operation();
    for (let attempt = 0; attempt < writeAttempts; attempt++) {
      const { value, seen } = await records.readHost(hostName);
      if (!value) return "unknown-host";
      if (value.revokedAtMs !== undefined) return "revoked";
      const revoked = { ...value, revokedAtMs: clock.nowMs() };
      if ((await records.write(operation, [{ kind: "host", value: revoked, seen }])) === "done") return "revoked";
    }
    throw failure(`revoke host ${hostName}`, "its record could not be written");
  }

  async #register(request: JoinRequest): Promise<Refused | undefined> {
    const { records, clock } = this.#options;
    const operation = this.#operation();
    for (let attempt = 0; attempt < writeAttempts; attempt++) {
      const token = await records.readToken(request.tokenId);
      const host = await records.readHost(request.hostName);
      const decision = decideJoin(request, { token: token.value, host: host.value }, clock.nowMs());
      if (decision.kind === "refused") return decision;
      if (decision.kind === "known") return undefined;
      const outcome = await records.write(operation, [
        { kind: "token", value: decision.token, seen: token.seen },
        { kind: "host", value: decision.host, seen: host.seen },
      ]);
      if (outcome === "done") return undefined;
    }
    return refused("unavailable", "the join could not be written; try again", "later");
  }

  #checkCsr(csr: string): Refused | undefined {
    const der = fromBase64(csr);
    if (!der) return refused("csr-malformed", "the CSR is not base64");
    const read = readSigningRequest(der);
    return read.kind === "refused" ? refused(`csr-${read.code}`, read.message) : undefined;
  }

  async #admit(hostName: string, csr: string): Promise<AttestResult> {
    const { svids, trustDomain, bundle, nodes } = this.#options;
    const order = { spiffeId: agentId(trustDomain, hostName), csr: fromBase64(csr) ?? new Uint8Array() };
    const [answer] = await svids.issue([order]);
    if (!answer) return refused("unavailable", "no SVID could be signed; try again", "later");
    if (answer.kind === "refused") return refused(`csr-${answer.code}`, answer.message);
    return { kind: "admitted", reply: { svid: answer.svid, bundle: bundle(), nodes: nodes() } };
  }

  #operation(): string {
    return ulid(this.#options.random, this.#options.clock.nowMs());
  }
}

function failure(attempted: string, because: string): WeftError {
  return new WeftError({ code: "unavailable", retry: "later", attempted, because, next: "try again" });
}
