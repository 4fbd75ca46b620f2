/**
 * What this host knows of its mesh: the trust bundle and the nodes' addresses, kept in the state directory (nothing in
 * it is secret) so that a restart needs no token. A bundle is replaced only by one of the same trust domain with a
 * higher sequence; a list of addresses never by an empty one. An address that is told no more is kept for a while, in
 * which others are told: a node that has just started, perhaps after a long silence of all, knows of no other yet, and an
 * Envoy that knew only that one could not turn elsewhere. A
 * disk that is full keeps nothing of this from those who serve it: only an agent after this one would not know.
 */
import type { BundleSet, NodeAddresses } from "../certificates/attestation/protocol.ts";
import { decodeBundle, fingerprint, newerBundle, rootsOf } from "../certificates/bundle.ts";
import { meshdId, type SpiffeId, type TrustDomain, trustDomainFrom } from "../model/identity.ts";
import type { Clock } from "../platform/clock.ts";
import { object, parsed, parseJson } from "../platform/decode.ts";
import { invariant } from "../platform/error.ts";
import { limits } from "../platform/limits.ts";
import type { Logger } from "../platform/log.ts";
import type { StateDirectory } from "../platform/state_directory.ts";
import { nodeAddresses } from "./wire.ts";

const file = "mesh.json";

export interface Mesh {
  readonly trustDomain: TrustDomain;
  readonly bundle: BundleSet;
  readonly nodes: NodeAddresses;
}

const decodeMesh = object({
  trustDomain: parsed("a trust domain", trustDomainFrom),
  bundle: decodeBundle,
  nodes: nodeAddresses,
});

export class Trust {
  readonly #state: StateDirectory;
  readonly #log: Logger;
  readonly #clock: Clock;
  /** Since when others are told without it, monotonic. */
  readonly #missingMs = new Map<string, number>();
  readonly #listeners: (() => void)[] = [];
  #mesh: Mesh | undefined;

  constructor(state: StateDirectory, { clock, log }: { readonly clock: Clock; readonly log: Logger }) {
    this.#state = state;
    this.#log = log;
    this.#clock = clock;
    const stored = state.read(file);
    this.#mesh = stored === undefined ? undefined : parseJson(stored, decodeMesh, state.path(file));
  }

  get mesh(): Mesh | undefined {
    return this.#mesh;
  }

  /** Call only once a mesh was joined. */
  get joined(): Mesh {
    invariant(this.#mesh !== undefined, "a mesh is joined before anything is asked of it");
    return this.#mesh;
  }

  get meshdId(): SpiffeId {
    return meshdId(this.joined.trustDomain);
  }

  /** The roots that nodes of this mesh must end in, DER. */
  get ownRoots(): readonly Uint8Array[] {
    return rootsOf(this.joined.bundle, this.joined.trustDomain);
  }

  knowsRoot(hash: string): boolean {
    return this.#mesh !== undefined && this.ownRoots.some((root) => fingerprint(root) === hash);
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Another mesh, by a join token: what was known of the one before is forgotten. */
  join(mesh: Mesh): void {
    this.#replace(mesh);
  }

  learn(news: { readonly bundle?: BundleSet | undefined; readonly nodes?: NodeAddresses | undefined }): void {
    const mesh = this.joined;
    const next = { ...mesh, bundle: nextBundle(mesh, news.bundle), nodes: this.#nextNodes(mesh.nodes, news.nodes) };
    if (JSON.stringify(next) !== JSON.stringify(mesh)) this.#replace(next);
  }

  #nextNodes(known: NodeAddresses, told: NodeAddresses | undefined): NodeAddresses {
    if (!told) return known;
    const next = { agents: this.#next(known.agents, told.agents), xds: this.#next(known.xds, told.xds) };
    const left = new Set([...next.agents, ...next.xds]);
    for (const address of this.#missingMs.keys()) if (!left.has(address)) this.#missingMs.delete(address);
    return next;
  }

  #next(known: readonly string[], told: readonly string[]): readonly string[] {
    if (told.length === 0) return known;
    const nowMs = this.#clock.monotonicMs();
    for (const address of told) this.#missingMs.delete(address);
    const kept = known.filter((address) => {
      if (told.includes(address)) return false;
      const sinceMs = this.#missingMs.get(address) ?? nowMs;
      this.#missingMs.set(address, sinceMs);
      return nowMs - sinceMs < limits.nodeAddressMs;
    });
    return [...told, ...kept].slice(0, limits.members).sort();
  }

  #replace(mesh: Mesh): void {
    this.#mesh = mesh;
    const write = (): void => this.#state.write(file, JSON.stringify(mesh), 0o644);
    for (const step of [...this.#listeners, write]) {
      try {
        step();
      } catch (cause) {
        this.#log.error("trust-not-kept", { because: String(cause) });
      }
    }
  }
}

/** A bundle without a root of its own domain would leave the host unable to believe anybody: it is not taken. */
function nextBundle(mesh: Mesh, offered: BundleSet | undefined): BundleSet {
  if (!offered || offered.trustDomain !== mesh.trustDomain) return mesh.bundle;
  return rootsOf(offered, mesh.trustDomain).length === 0 ? mesh.bundle : newerBundle(mesh.bundle, offered);
}
