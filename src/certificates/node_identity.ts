/**
 * What makes a node able to speak and to sign: its own intermediate, signed by the authority, and its own meshd SVID,
 * signed by that intermediate. Each is renewed at half of its life, jittered, with a new key; while the authority cannot
 * be reached the old ones go on. Private keys never leave the process.
 *
 * Used by the xDS server and the agent listener (current().tls, onChange) and, as an SvidSource, by whoever hands out
 * SVIDs. One writer: this class.
 */
import { meshdId, type TrustDomain } from "../model/identity.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import { WeftError } from "../platform/error.ts";
import { limits } from "../platform/limits.ts";
import type { Logger } from "../platform/log.ts";
import { jittered, type Random } from "../platform/random.ts";
import type { BundleSet } from "./attestation/protocol.ts";
import { newerBundle, rootsOf } from "./bundle.ts";
import { type Issuer, issuerFrom } from "./issuer.ts";
import { exportPrivateKey, type KeyPair, makeKeyPair } from "./key_pair.ts";
import { chainToPem, toPem } from "./pem.ts";
import type { Signer, SvidAnswer, SvidOrderFor, SvidSource } from "./signer.ts";
import { issueSvid, type Svid } from "./svid.ts";

/** The certificate authority, wherever it runs. */
export interface AuthorityPort {
  signIntermediate(nodeName: string, publicKey: Uint8Array): Promise<SignedIntermediate>;
  bundle(): Promise<BundleSet>;
}

export interface SignedIntermediate {
  /** The intermediate, then what is above it without the root; DER. */
  readonly chain: readonly Uint8Array[];
  readonly bundle: BundleSet;
}

export interface NodeCertificates {
  readonly svid: Svid;
  readonly bundle: BundleSet;
  readonly tls: NodeTls;
}

/** PEM, as node:tls and @grpc/grpc-js take it. */
export interface NodeTls {
  /** The SVID, then the intermediate. */
  readonly certChain: string;
  /** The same and the active root: for the agent port, whose callers may know no more than the root's fingerprint. */
  readonly certChainWithRoot: string;
  readonly key: string;
  /** All roots of the own trust domain. */
  readonly roots: string;
}

export interface NodeIdentityOptions {
  readonly trustDomain: TrustDomain;
  readonly nodeName: string;
  readonly authority: AuthorityPort;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Of every SVID this node signs, its own included. Default and most: limits.svidLifetimeMs. */
  readonly svidLifetimeMs?: number;
}

type Trusting = Pick<NodeCertificates, "bundle" | "tls">;

export class NodeIdentity implements SvidSource {
  readonly #options: NodeIdentityOptions;
  readonly #lifetimeMs: number;
  readonly #listeners = new Set<(certificates: NodeCertificates) => void>();
  readonly #timers = new Map<"intermediate" | "svid", Timer>();
  #issuer: Issuer | undefined;
  #current: NodeCertificates | undefined;
  #bundle: BundleSet | undefined;
  #stopped = false;

  constructor(options: NodeIdentityOptions) {
    this.#options = options;
    this.#lifetimeMs = Math.min(options.svidLifetimeMs ?? limits.svidLifetimeMs, limits.svidLifetimeMs);
  }

  /** Resolves once the node has both. Rejects when the authority refuses or cannot be reached; call again then. */
  async start(): Promise<void> {
    await this.#renewIntermediate();
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
  }

  current(): NodeCertificates {
    if (this.#current) return this.#current;
    throw this.#notYet("show its certificates");
  }

  /** Called with every new SVID or bundle. Answers how to stop listening. */
  onChange(listener: (certificates: NodeCertificates) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A bundle seen elsewhere, in the authority's record for example. An older one changes nothing. */
  offerBundle(bundle: BundleSet): void {
    const newest = newerBundle(this.#bundle, bundle);
    if (newest === this.#bundle) return;
    this.#bundle = newest;
    if (this.#current) this.#publish({ ...this.#current, ...this.#trusting(newest) });
  }

  /**
   * The authority's record is another one than before, whatever sequence it has (a backup was restored): a root that is
   * not in it is trusted by nobody any more, so all that this node has is made anew. The old goes on until then.
   */
  async beginAnew(): Promise<void> {
    this.#bundle = undefined;
    await this.#renewIntermediate().catch((cause: unknown) => {
      this.#options.log.warn("not begun anew yet, the old certificate goes on", { because: String(cause) });
      this.#plan("intermediate", limits.natsReconnectMaxMs, () => this.beginAnew());
    });
  }

  async issue(requests: readonly SvidOrderFor[]): Promise<readonly SvidAnswer[]> {
    if (!this.#issuer) throw this.#notYet("sign SVIDs");
    return this.#options.signer.signSvids(this.#issuer, requests, this.#lifetimeMs);
  }

  async #renewIntermediate(): Promise<void> {
    const { authority, nodeName, clock } = this.#options;
    const keys = makeKeyPair();
    const { chain, bundle } = await authority.signIntermediate(nodeName, keys.publicKey);
    const [certificate] = chain;
    if (!certificate) throw this.#notYet("take its intermediate");
    const issuer = await issuerFrom(certificate, keys.privateKey, chain);
    if (this.#stopped) return;
    this.#issuer = issuer;
    this.#bundle = newerBundle(this.#bundle, bundle);
    this.#options.log.info("intermediate renewed", { until: new Date(issuer.notAfterMs).toISOString() });
    this.#plan("intermediate", (issuer.notAfterMs - clock.nowMs()) / 2, () => this.#renewIntermediate());
    this.#renewSvid();
  }

  #renewSvid(): void {
    const { trustDomain, clock, random } = this.#options;
    if (!this.#issuer || !this.#bundle) throw this.#notYet("sign its own SVID");
    const keys = makeKeyPair();
    const order = { spiffeId: meshdId(trustDomain), publicKey: keys.publicKey, lifetimeMs: this.#lifetimeMs };
    const svid = issueSvid(order, this.#issuer, clock.nowMs(), random);
    this.#publish({ svid, ...this.#trusting(this.#bundle, pemOf(svid, keys)) });
    this.#plan("svid", (svid.notAfterMs - clock.nowMs()) / 2, async () => {
      this.#renewSvid();
      await this.#askForBundle();
    });
  }

  /** In case nobody offers it; the one that is held goes on while the authority cannot be reached. */
  async #askForBundle(): Promise<void> {
    try {
      this.offerBundle(await this.#options.authority.bundle());
    } catch (cause) {
      this.#options.log.warn("the authority did not give its bundle", { because: String(cause) });
    }
  }

  #trusting(bundle: BundleSet, own: Pick<NodeTls, "certChain" | "key"> = this.current().tls): Trusting {
    const roots = rootsOf(bundle, this.#options.trustDomain);
    const certChainWithRoot = own.certChain + chainToPem(roots.slice(0, 1));
    return { bundle, tls: { certChain: own.certChain, certChainWithRoot, key: own.key, roots: chainToPem(roots) } };
  }

  #publish(certificates: NodeCertificates): void {
    this.#current = certificates;
    for (const listener of this.#listeners) listener(certificates);
  }

  #plan(what: "intermediate" | "svid", inMs: number, renew: () => Promise<void>): void {
    const { clock, random, log } = this.#options;
    if (this.#stopped) return;
    this.#timers.get(what)?.cancel();
    const again = (cause: unknown): void => {
      log.warn("renewal failed, the old certificate goes on", { what, because: String(cause) });
      this.#plan(what, limits.renewRetryMs, renew);
    };
    const run = (): void => void renew().catch(again);
    this.#timers.set(what, clock.after(jittered(random, inMs, 0.1), run));
  }

  #notYet(attempted: string): WeftError {
    return new WeftError({
      code: "unavailable",
      retry: "later",
      attempted: `node ${this.#options.nodeName}: ${attempted}`,
      because: "the authority has not signed its intermediate yet",
    });
  }
}

function pemOf(svid: Svid, keys: KeyPair): Pick<NodeTls, "certChain" | "key"> {
  return { certChain: chainToPem(svid.chain), key: toPem("PRIVATE KEY", exportPrivateKey(keys.privateKey)) };
}
