/** The authority actor as the port that a node's identity asks (certificates/node_identity.ts). */
import type { BundleSet } from "../certificates/attestation/protocol.ts";
import { fromBase64, toBase64 } from "../certificates/base64.ts";
import type { AuthorityPort, SignedIntermediate } from "../certificates/node_identity.ts";
import type { TrustDomain } from "../model/identity.ts";
import { WeftError } from "../platform/error.ts";
import { authority } from "./kinds/authority.ts";
import type { ActorRuntime } from "./runtime/runtime.ts";

export class AuthorityClient implements AuthorityPort {
  readonly #runtime: ActorRuntime;
  readonly #trustDomain: TrustDomain;

  constructor(runtime: ActorRuntime, trustDomain: TrustDomain) {
    this.#runtime = runtime;
    this.#trustDomain = trustDomain;
  }

  async signIntermediate(nodeName: string, publicKey: Uint8Array): Promise<SignedIntermediate> {
    const request = { type: "signIntermediate", nodeName, publicKey: toBase64(publicKey) } as const;
    const reply = await this.#runtime.ask(authority, this.#trustDomain, request);
    if (reply.kind !== "intermediate") {
      throw refused(`sign the intermediate of node ${nodeName}`, reply.kind === "refused" ? reply.message : reply.kind);
    }
    const chain = reply.chain.map(fromBase64).filter((der) => der !== undefined);
    return { chain, bundle: reply.bundle };
  }

  async bundle(): Promise<BundleSet> {
    const reply = await this.#runtime.ask(authority, this.#trustDomain, { type: "bundle" });
    if (reply.kind === "bundle") return reply.bundle;
    throw refused("get the bundle", reply.kind);
  }
}

function refused(attempted: string, because: string): WeftError {
  return new WeftError({ code: "denied", retry: "never", attempted, because });
}
