/**
 * Who this host is, to the mesh.
 *
 *   no mesh known, or a token of another mesh ──join──▶ attested ──half of the SVID's life──▶ re-attest by host key ─┐
 *   a mesh known ───────────challenge, host key───────▶    ▲───────────────────────────────────────────────────────┘
 *
 * A node that does not know the host key any more (its store was lost) sends the agent back to its token, if it has
 * one. Every step is retried over all nodes until it is done or refused for good. A refusal is told (the host was
 * revoked, or is not known any more), and the agent asks again every half minute: the node that refused may be wrong
 * about it, and an operator may join the host anew. The agent's own key lives in memory.
 */
import type { AttestReply, IssuedSvid, JoinToken } from "../certificates/attestation/protocol.ts";
import { hostSigned, joinSigned } from "../certificates/attestation/signatures.ts";
import { fromBase64, toBase64 } from "../certificates/base64.ts";
import { fingerprint, rootsOf } from "../certificates/bundle.ts";
import { exportPrivateKey, type KeyPair, makeKeyPair } from "../certificates/key_pair.ts";
import { chainToPem, toPem } from "../certificates/pem.ts";
import { createSigningRequest } from "../certificates/signing_request.ts";
import { meshdId, type TrustDomain } from "../model/identity.ts";
import type { Timer } from "../platform/clock.ts";
import { WeftError } from "../platform/error.ts";
import { limits } from "../platform/limits.ts";
import { jittered } from "../platform/random.ts";
import type { HostKey } from "./host_key.ts";
import { MeshdClient } from "./meshd_client.ts";
import { pinnedRoot } from "./pinned_root.ts";
import { type RetryPorts, retrying } from "./retry.ts";
import type { Mesh, Trust } from "./trust.ts";
import { attestReply, challenge } from "./wire.ts";

export interface AttestationParts extends RetryPorts {
  readonly hostName: string;
  readonly hostKey: HostKey;
  readonly trust: Trust;
  readonly client: MeshdClient;
  readonly token: JoinToken | undefined;
  /** Agent ports that the user gave; they come before those that the token names. */
  readonly addresses: readonly string[];
}

/** Share of its life after which an SVID is renewed, and how far that is spread over hosts. */
const renewAt = 0.5;
const renewJitter = 0.1;
export function renewalDelayMs(parts: Pick<RetryPorts, "clock" | "random">, notAfterMs: number): number {
  return Math.max(
    limits.svidRenewLeastMs,
    jittered(parts.random, (notAfterMs - parts.clock.nowMs()) * renewAt, renewJitter),
  );
}

export class Attestation {
  readonly #parts: AttestationParts;
  readonly #first = Promise.withResolvers<void>();
  #attestedOnce = false;
  #attesting = false;
  #renewal: Timer | undefined;
  #refusal: string | undefined;
  #tellRefusal: (because: string) => void = () => {};

  constructor(parts: AttestationParts) {
    this.#parts = parts;
  }

  /** Resolves when a node has attested this host for the first time since the agent started. */
  get first(): Promise<void> {
    return this.#first.promise;
  }

  get attested(): boolean {
    return this.#attestedOnce;
  }

  /** Why a node refuses this host for good, and what to do; undefined: none does. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** Called once when a refusal begins, and when its reason changes. */
  onRefusal(listener: (because: string) => void): void {
    this.#tellRefusal = listener;
  }

  /** Whether a mesh is known, so that workloads can be adopted before a node answers. */
  get meshKnown(): boolean {
    const { token, trust } = this.#parts;
    return trust.mesh !== undefined && (token === undefined || trust.knowsRoot(token.rootFingerprint));
  }

  /** Resolves when attested; from then on the agent's own SVID is renewed until the signal. */
  async begin(signal: AbortSignal): Promise<void> {
    this.#attesting = true;
    try {
      const { svid } = await this.#attest(signal);
      this.#renewIn(renewalDelayMs(this.#parts, svid.notAfterMs), signal);
    } finally {
      this.#attesting = false;
    }
  }

  /** At once, unless it is being done: when a node did not take the agent's certificate. */
  renew(signal: AbortSignal): void {
    if (this.#attesting || signal.aborted) return;
    this.#renewal?.cancel();
    this.begin(signal).catch((cause) => {
      if (signal.aborted) return;
      this.#refusedForGood(WeftError.from(cause, "renew the agent's identity"));
      this.#renewIn(limits.agentRefusedAgainMs, signal);
    });
  }

  #refusedForGood({ because, code }: WeftError): void {
    const { log, hostName } = this.#parts;
    const next =
      code === "denied" ? "; to join it again: meshctl token create, and start its agent with --join-token-file" : "";
    const refusal = `the mesh refuses host ${hostName}: ${because}${next}`;
    log.error("attestation-refused", { because: refusal, againInMs: limits.agentRefusedAgainMs });
    if (refusal !== this.#refusal) this.#tellRefusal(refusal);
    this.#refusal = refusal;
  }

  async #attest(signal: AbortSignal): Promise<AttestReply> {
    const { log, token } = this.#parts;
    if (!this.meshKnown) return this.#join(signal);
    try {
      return await this.#attestByHostKey(signal);
    } catch (cause) {
      const error = WeftError.from(cause, "attest by host key");
      if (signal.aborted || token === undefined || error.retry !== "never") throw error;
      log.warn("host-key-refused", { because: error.message, next: "joining by the token" });
      return this.#join(signal);
    }
  }

  async #join(signal: AbortSignal): Promise<AttestReply> {
    const { token, clock, addresses, hostName, hostKey } = this.#parts;
    if (token === undefined) {
      const because = "no mesh is known in the state directory and there is no join token";
      const next = "make one with `meshctl token create` and give its file by --join-token-file";
      throw new WeftError({ code: "denied", retry: "never", attempted: "join a mesh", because, next });
    }
    const where = [...new Set([...addresses, ...token.addresses])];
    const key = makeKeyPair();
    const csr = toBase64(await createSigningRequest(key));
    const body = {
      tokenId: token.id,
      tokenSecret: token.secret,
      hostName,
      hostKey: hostKey.publicKey,
      csr,
      signature: hostKey.sign(joinSigned({ tokenId: token.id, hostName, csr })),
    };
    const join = async (): Promise<AttestReply> => {
      const root = await pinnedRoot(clock, where, token.rootFingerprint);
      const id = meshdId(token.trustDomain as TrustDomain);
      const client = new MeshdClient(clock, () => ({ addresses: where, roots: [root], meshdId: id }));
      try {
        return await client.call({ method: "POST", path: "/v1/attest/join", body, reply: attestReply });
      } finally {
        client.close();
      }
    };
    const reply = await retrying(this.#parts, join, { what: "join the mesh", signal });
    const mesh = meshOf(reply, token);
    this.#parts.trust.join(mesh);
    return this.#present(key, reply);
  }

  async #attestByHostKey(signal: AbortSignal): Promise<AttestReply> {
    const { client, hostName, hostKey } = this.#parts;
    const key = makeKeyPair();
    const csr = toBase64(await createSigningRequest(key));
    const attest = async (): Promise<AttestReply> => {
      const path = "/v1/attest/challenge";
      const { nonce } = await client.call({ method: "POST", path, body: { hostName }, reply: challenge });
      const signature = hostKey.sign(hostSigned({ nonce, hostName, csr }));
      const body = { hostName, nonce, csr, signature };
      return client.call({ method: "POST", path: "/v1/attest/host", body, reply: attestReply });
    };
    const reply = await retrying(this.#parts, attest, { what: "attest by host key", signal });
    this.#parts.trust.learn({ bundle: reply.bundle, nodes: reply.nodes });
    return this.#present(key, reply);
  }

  #present(key: KeyPair, reply: AttestReply): AttestReply {
    const keyPem = toPem("PRIVATE KEY", exportPrivateKey(key.privateKey));
    this.#parts.client.present({ keyPem, chainPem: pemChain(reply.svid) });
    this.#attestedOnce = true;
    this.#refusal = undefined;
    this.#first.resolve();
    this.#parts.log.info("attested", { spiffeId: reply.svid.spiffeId, notAfterMs: reply.svid.notAfterMs });
    return reply;
  }

  #renewIn(delayMs: number, signal: AbortSignal): void {
    this.#renewal = this.#parts.clock.after(delayMs, () => this.renew(signal));
  }
}

/** The token's root must be among those of the bundle, or somebody else's bundle was sent. */
function meshOf(reply: AttestReply, token: JoinToken): Mesh {
  const trustDomain = token.trustDomain as TrustDomain;
  const pinned = rootsOf(reply.bundle, trustDomain).some((root) => fingerprint(root) === token.rootFingerprint);
  if (pinned && reply.bundle.trustDomain === trustDomain)
    return { trustDomain, bundle: reply.bundle, nodes: reply.nodes };
  const because = "the bundle that came back does not hold the join token's root";
  throw new WeftError({ code: "denied", retry: "never", attempted: "join the mesh", because });
}

/** Leaf first. @throws WeftError `invalid` for what is not base64: the node's answer is broken, another may not be. */
export function pemChain(svid: IssuedSvid): string {
  const chain = svid.chain.map(fromBase64).filter((der) => der !== undefined);
  if (chain.length > 0 && chain.length === svid.chain.length) return chainToPem(chain);
  const because = "its chain is not base64";
  throw new WeftError({ code: "invalid", retry: "later", attempted: `read the SVID of ${svid.spiffeId}`, because });
}
