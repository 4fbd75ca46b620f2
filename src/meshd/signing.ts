/** Signing that stops while this node must not sign: another node signs meanwhile. */
import type { Membership } from "../actors/runtime/membership.ts";
import type { SvidAnswer, SvidOrderFor, SvidSource } from "../certificates/signer.ts";
import { WeftError } from "../platform/error.ts";

export class MemberSvids implements SvidSource {
  readonly #source: SvidSource;
  readonly #membership: Pick<Membership, "impediments">;

  constructor(source: SvidSource, membership: Pick<Membership, "impediments">) {
    this.#source = source;
    this.#membership = membership;
  }

  async issue(requests: readonly SvidOrderFor[]): Promise<readonly SvidAnswer[]> {
    const [because] = this.#membership.impediments();
    if (because === undefined) return this.#source.issue(requests);
    throw new WeftError({ code: "unavailable", retry: "elsewhere", attempted: "sign SVIDs at this node", because });
  }
}
