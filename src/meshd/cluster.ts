/** This node among the others: the connection that nodes share, the membership, and what each tells of itself. */
import { NatsBus } from "../actors/nats/bus.ts";
import { NodeNetwork } from "../actors/nats/node_network.ts";
import { Membership } from "../actors/runtime/membership.ts";
import type { NodeName } from "../actors/runtime/placement.ts";
import type { NodeAddresses } from "../certificates/attestation/protocol.ts";
import { object, text } from "../platform/decode.ts";
import { Connection } from "../store/jetstream/connection.ts";
import { readCredentials } from "./nats_access.ts";
import type { NodeContext } from "./parts.ts";

export interface Cluster {
  readonly membership: Membership;
  readonly network: NodeNetwork;
  /** Of this node; told to the others as soon as it is said. */
  listens(addresses: CardAddresses): void;
  /** Of every node that lives and has said them. */
  addresses(): NodeAddresses;
}

type CardAddresses = ReturnType<typeof cardAddresses>;

const address = text(256, /^.+:\d{1,5}$/);
const cardAddresses = object({ agents: address, xds: address });
const card = object({}, { addresses: cardAddresses });

export async function joinCluster(context: NodeContext): Promise<Cluster> {
  const { options, clock, random, log, stops } = context;
  const { system: _system, restore: _restore, ...credentials } = await readCredentials(options);
  const connection = new Connection({
    ...credentials,
    servers: options.nats,
    name: `${options.name} of ${options.cluster}, to other nodes`,
    clock,
    random,
    logger: log.with({ connection: "nodes" }),
  });
  const bus = new NatsBus(connection, clock);
  stops.add(() => bus.close());
  const network = new NodeNetwork(bus, options.name as NodeName, options.cluster, log);
  let own: CardAddresses | undefined;
  const membership = new Membership({
    self: options.name as NodeName,
    clock,
    random,
    log,
    gossip: network.gossip("members"),
    card: () => (own ? { addresses: own } : {}),
  });
  stops.add(() => membership.stop());
  return {
    membership,
    network,
    listens(addresses) {
      own = addresses;
    },
    addresses() {
      const live = membership.known().filter(({ state }) => state === "alive" || state === "suspect");
      const told = live.flatMap((member) => addressesOn(member.card) ?? []);
      return { agents: told.map(({ agents }) => agents), xds: told.map(({ xds }) => xds) };
    },
  };
}

/** A card of another version may say other things; what cannot be read is not told. */
function addressesOn(said: unknown): CardAddresses | undefined {
  try {
    return card(said, "card").addresses;
  } catch {
    return undefined;
  }
}
