/** This node among the others: the connection that nodes share, the membership, and what each tells of itself. */
import { NatsBus } from "../../actors/nats/bus.ts";
import { NodeNetwork } from "../../actors/nats/node_network.ts";
import { Membership } from "../../actors/runtime/membership.ts";
import type { NodeName } from "../../actors/runtime/placement.ts";
import type { NodeAddresses } from "../../certificates/attestation/protocol.ts";
import { limits } from "../../platform/limits.ts";
import { Connection } from "../../store/jetstream/connection.ts";
import { newestFormat, oldestFormat, type RecordFormat } from "../../store/record_format.ts";
import { readCredentials } from "../nats_access.ts";
import type { NodeContext } from "../parts.ts";
import { type CardAddresses, type Copy, cardOf, commonFormat, copiesOf, type MemberCard } from "./member_card.ts";

export interface Cluster {
  readonly membership: Membership;
  readonly network: NodeNetwork;
  /** Of this node; told to the others as soon as it is said. */
  listens(addresses: CardAddresses): void;
  /** Of every node that lives and has said them. */
  addresses(): NodeAddresses;
  /** How far this node's copy is; asked for at each heartbeat. */
  tellsCopy(copy: () => Copy): void;
  /** Of the others that live. */
  copies(): ReturnType<typeof copiesOf>;
  /** What records are to be written in now, so that every member reads them. */
  recordFormat(): RecordFormat;
}

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
  let copy: (() => Copy) | undefined;
  const beganMs = clock.monotonicMs();
  const membership = new Membership({
    self: options.name as NodeName,
    clock,
    random,
    log,
    gossip: network.gossip("members"),
    isThere: (node) => network.isThere(node),
    card: (): MemberCard => ({
      format: newestFormat,
      ...(own && { addresses: own }),
      ...(copy && { copy: copy() }),
    }),
  });
  stops.add(() => membership.stop());
  return {
    membership,
    network,
    listens(addresses) {
      own = addresses;
    },
    addresses() {
      // Who joins says its addresses only once it listens.
      const live = membership.known().filter(({ state }) => state !== "leaving" && state !== "dead");
      const told = live.flatMap((member) => cardOf(member.card).addresses ?? []);
      return { agents: told.map(({ agents }) => agents), xds: told.map(({ xds }) => xds) };
    },
    tellsCopy(told) {
      copy = told;
    },
    copies: () => copiesOf(membership.known().filter(({ self }) => !self)),
    recordFormat() {
      // Until everybody who lives has been heard of, and whenever nobody is heard, what everybody reads.
      const hasListened = clock.monotonicMs() - beganMs > limits.memberSuspicionMs && membership.hears;
      return hasListened ? commonFormat(membership.known().filter(({ self }) => !self)) : oldestFormat;
    },
  };
}
