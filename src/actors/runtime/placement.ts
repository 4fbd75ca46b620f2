/**
 * Which node an actor belongs on: rendezvous hashing over the members that this node sees. Each (node, actor) pair has a
 * weight, the heaviest wins, so a node that goes moves only its own actors. Two nodes may see different members for a
 * while and disagree; nothing that matters rests on it (runtime.ts).
 */
import type { Branded } from "../../model/names.ts";
import { type Address, addressKey } from "./kind.ts";

export type NodeName = Branded<"node">;

/** Who is in the cluster, as this node sees it. */
export interface View {
  readonly self: NodeName;
  /** `self` is among them unless it leaves or must not own now; then there may be none. */
  members(): readonly NodeName[];
  /** Whether it has heard itself lately; false: it may be alone with its view. Absent: there is nobody to hear. */
  readonly hears?: boolean;
  /** Whether it owns everything because it hears nobody of those who were there and took no leave: they may live. */
  readonly alone?: boolean;
  /** Answers how to stop listening. */
  onChange(listener: () => void): () => void;
}

/** A cluster of one. */
export function soleMember(self: NodeName): View {
  return { self, members: () => [self], onChange: () => () => {} };
}

export function ownerOf(address: Address, members: readonly NodeName[]): NodeName | undefined {
  const actor = addressKey(address);
  let owner: NodeName | undefined;
  let heaviest = -1;
  for (const node of members) {
    const weight = hash32(`${node}\n${actor}`);
    // Equal weights: the lower name, so that the order of members does not matter.
    if (weight > heaviest || (weight === heaviest && owner !== undefined && node < owner)) {
      owner = node;
      heaviest = weight;
    }
  }
  return owner;
}

/** FNV-1a over UTF-16 units, then murmur3's finish: FNV alone leaves close names close. */
function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
