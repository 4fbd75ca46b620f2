/**
 * Workloads' identities on this host. For each workload a P-256 key is made here, kept in memory and handed only to
 * that workload's own Envoy; a node sees the request, never the key. Due requests go together in one call. A key lives
 * as long as its certificate: half of that life on, spread by jitter, both are made anew. What fails is tried again
 * with growing waits, and the Envoys keep the certificates they have.
 */
import type { IssuedSvid, SvidReply, SvidRequest } from "../certificates/attestation/protocol.ts";
import { fromBase64, toBase64 } from "../certificates/base64.ts";
import { readCertificate, serialText } from "../certificates/certificate.ts";
import { exportPrivateKey, type KeyPair, makeKeyPair } from "../certificates/key_pair.ts";
import { toPem } from "../certificates/pem.ts";
import { createSigningRequest } from "../certificates/signing_request.ts";
import type { WorkloadName } from "../model/names.ts";
import type { Timer } from "../platform/clock.ts";
import { WeftError } from "../platform/error.ts";
import { limits } from "../platform/limits.ts";
import { pemChain, renewalDelayMs } from "./attestation.ts";
import { backoffMs, meshdBackoff, type RetryPorts } from "./retry.ts";

export interface Identity {
  readonly spiffeId: string;
  readonly keyPem: string;
  /** Leaf, then intermediates. */
  readonly chainPem: string;
  /** Lower-case hex, as Envoy's /certs prints it. */
  readonly serial: string;
  readonly notAfterMs: number;
}

export interface IdentityParts extends RetryPorts {
  request(request: SvidRequest): Promise<SvidReply>;
  issued(workload: WorkloadName, identity: Identity): void;
}

interface Entry {
  failures: number;
  timer: Timer | undefined;
}

export class Identities {
  readonly #parts: IdentityParts;
  readonly #entries = new Map<WorkloadName, Entry>();
  readonly #due = new Set<WorkloadName>();
  #asking = false;

  constructor(parts: IdentityParts) {
    this.#parts = parts;
  }

  add(workload: WorkloadName): void {
    if (this.#entries.has(workload)) return;
    this.#entries.set(workload, { failures: 0, timer: undefined });
    this.#isDue(workload);
  }

  remove(workload: WorkloadName): void {
    this.#entries.get(workload)?.timer?.cancel();
    this.#entries.delete(workload);
    this.#due.delete(workload);
  }

  #isDue(workload: WorkloadName): void {
    this.#due.add(workload);
    if (this.#asking) return;
    this.#asking = true;
    // Whoever becomes due in the same turn goes into the same call.
    queueMicrotask(() => void this.#askAll());
  }

  async #askAll(): Promise<void> {
    while (this.#due.size > 0) {
      const batch = [...this.#due].slice(0, limits.svidsPerRequest);
      for (const workload of batch) this.#due.delete(workload);
      await this.#ask(batch);
    }
    this.#asking = false;
  }

  async #ask(batch: readonly WorkloadName[]): Promise<void> {
    try {
      const keys = new Map<WorkloadName, KeyPair>();
      for (const workload of batch) keys.set(workload, makeKeyPair());
      const requests = await Promise.all(
        [...keys].map(async ([workload, key]) => ({ workload, csr: toBase64(await createSigningRequest(key)) })),
      );
      // Some may have ended while that was made.
      const wanted = requests.filter(({ workload }) => this.#entries.has(workload));
      if (wanted.length === 0) return;
      const reply = await this.#parts.request({ requests: wanted });
      const issued = new Map(reply.issued.map(({ workload, svid }) => [workload, svid]));
      for (const [workload, key] of keys) {
        const refusal = reply.refused.find((refused) => refused.workload === workload);
        this.#accept(workload, key, issued.get(workload), refusal?.message ?? "the node did not answer for it");
      }
    } catch (cause) {
      const because = WeftError.from(cause, "ask for identities").message;
      for (const workload of batch) this.#retryLater(workload, because);
    }
  }

  #accept(workload: WorkloadName, key: KeyPair, svid: IssuedSvid | undefined, refusal: string): void {
    const entry = this.#entries.get(workload);
    if (!entry) return;
    const identity = svid && identityFrom(svid, key);
    if (!identity) {
      this.#retryLater(workload, svid ? "the certificate is not for the key that was sent" : refusal);
      return;
    }
    entry.failures = 0;
    entry.timer?.cancel();
    entry.timer = this.#parts.clock.after(renewalDelayMs(this.#parts, identity.notAfterMs), () =>
      this.#isDue(workload),
    );
    this.#parts.issued(workload, identity);
  }

  #retryLater(workload: WorkloadName, because: string): void {
    const entry = this.#entries.get(workload);
    if (!entry) return;
    if (entry.failures % 30 === 0) this.#parts.log.warn("identity-not-issued", { workload, because });
    const delayMs = backoffMs(this.#parts.random, meshdBackoff, entry.failures++);
    entry.timer?.cancel();
    entry.timer = this.#parts.clock.after(delayMs, () => this.#isDue(workload));
  }
}

/** undefined: the chain is not readable, or its leaf does not hold the public half of `keys`. */
function identityFrom(svid: IssuedSvid, keys: KeyPair): Identity | undefined {
  try {
    return checkedIdentity(svid, keys);
  } catch {
    return undefined;
  }
}

function checkedIdentity(svid: IssuedSvid, keys: KeyPair): Identity | undefined {
  const chainPem = pemChain(svid);
  const leaf = fromBase64(svid.chain[0] ?? "");
  if (!leaf || !Buffer.from(readCertificate(leaf).publicKey).equals(keys.publicKey)) return undefined;
  return {
    spiffeId: svid.spiffeId,
    keyPem: toPem("PRIVATE KEY", exportPrivateKey(keys.privateKey)),
    chainPem,
    serial: serialText(leaf),
    notAfterMs: svid.notAfterMs,
  };
}
