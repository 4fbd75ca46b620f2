/**
 * What a node tells the others of itself with each heartbeat: where it listens, which record format it reads, and how
 * far its copy of the truth is. A card of another version may say other things; what cannot be read is as good as
 * unsaid.
 */
import type { SeenMember } from "../../actors/runtime/hearing.ts";
import type { NodeName } from "../../actors/runtime/placement.ts";
import { boolean, type Decoded, integer, object, text } from "../../platform/decode.ts";
import { newestFormat, oldestFormat, type RecordFormat } from "../../store/record_format.ts";

const address = text(256, /^.+:\d{1,5}$/);
export const cardAddresses = object({ agents: address, xds: address });
const place = object({ incarnation: text(128), position: integer(0) });
const copy = object({ fresh: boolean, records: place, endpoints: place }, { keeps: boolean });
const card = object({}, { addresses: cardAddresses, format: integer(1), copy });

export type MemberCard = Decoded<typeof card>;
export type CardAddresses = Decoded<typeof cardAddresses>;
/**
 * How far a node's copy is. `fresh`: its leaders confirmed it lately, and no other node contradicts it. `keeps`: it serves
 * what the store has lost, and nobody deleted.
 */
export type Copy = Decoded<typeof copy>;

export function cardOf(said: unknown): MemberCard {
  try {
    return card(said, "card");
  } catch {
    return {};
  }
}

type Told = Pick<SeenMember, "state" | "left" | "card">;

/** Of the others that live: what is said of a silent one may be over. */
export function copiesOf(
  members: readonly (Told & { readonly node: NodeName })[],
): readonly { readonly node: NodeName; readonly copy: Copy }[] {
  return members.flatMap(({ node, state, card: said }) => {
    const { copy: told } = cardOf(said);
    return state === "alive" && told ? [{ node, copy: told }] : [];
  });
}

/**
 * The newest record format that everybody reads. A node that is dead without having said farewell may come back as it
 * was, so it counts as long as it is remembered; one that does not say what it reads is of the time before formats.
 */
export function commonFormat(others: readonly Told[]): RecordFormat {
  const counting = others.filter(({ state, left }) => state !== "dead" || !left);
  const lowest = Math.min(newestFormat, ...counting.map(({ card: said }) => cardOf(said).format ?? oldestFormat));
  return lowest >= newestFormat ? newestFormat : oldestFormat;
}
