/** The actors of this node, and the node's own identity, which the authority actor signs. */
import { AuthorityClient } from "../actors/authority_client.ts";
import { authority, bundleOfState } from "../actors/kinds/authority.ts";
import { authorityHands } from "../actors/kinds/authority_hands.ts";
import { type HostSessionsTypes, hostSessions, hostSessionsHands } from "../actors/kinds/host_sessions.ts";
import type { HostSigns } from "../actors/kinds/host_silence.ts";
import { policy, policyHands } from "../actors/kinds/policy.ts";
import { service, serviceHands } from "../actors/kinds/service.ts";
import { actorTransport } from "../actors/nats/transport.ts";
import type { ActorKind } from "../actors/runtime/kind.ts";
import { ActorRuntime } from "../actors/runtime/runtime.ts";
import type { Sealing } from "../api/ports.ts";
import { type SealingKey, sealingKeyFrom } from "../certificates/key_sealing.ts";
import { NodeIdentity } from "../certificates/node_identity.ts";
import type { TrustDomain } from "../model/identity.ts";
import { authorityRecord, serviceRecord } from "../store/keys.ts";
import { tailOfReplica } from "../store/replica_tail.ts";
import type { RecordKey, TailHandler } from "../store/store.ts";
import { WorkerPool } from "../workers/pool.ts";
import { PoolSigner } from "../workers/signer.ts";
import { ActorClaims } from "./claims.ts";
import type { Cluster } from "./cluster/cluster.ts";
import type { NodeContext } from "./parts.ts";
import { secretSealing } from "./secret_sealing.ts";
import { readTextFile, type Truth } from "./truth.ts";

export interface Owners {
  readonly runtime: ActorRuntime;
  readonly pool: WorkerPool;
  readonly identity: NodeIdentity;
  readonly claims: ActorClaims;
  readonly hostSessions: HostSessions;
  readonly sealing: Sealing;
}

/** Who reads what is heard of hosts starts after the actors; until then nothing can be concluded. */
class HostSessions {
  readonly kind: ActorKind<HostSessionsTypes>;
  read: (withheld: readonly string[]) => Promise<HostSigns> = async () => ({ hosts: [], nodes: undefined });

  constructor(leaseMs: number) {
    this.kind = hostSessions(leaseMs);
  }
}

/** The main thread, Envoys and NATS want the other cores. */
const workerThreads = 1;

/** Resolves when the node has its certificates. */
export async function startOwners(context: NodeContext, truth: Truth, cluster: Cluster): Promise<Owners> {
  const { options, clock, random, log, stops } = context;
  const { trustDomain, name } = options;
  const sessions = new HostSessions(options.hostLeaseMs);
  let identity: NodeIdentity | undefined;
  const hasRoot = (): boolean => identity !== undefined || cluster.copies().some(({ copy }) => copy.keeps);
  const isLost = (): boolean => hasRoot() && !isMeantToBegin(truth);
  const sealingKey = sealingKeyFrom(await readTextFile(options.authorityKeyFile));
  const runtime = startActors(context, { truth, cluster, sessions, isLost, sealingKey });
  const pool = new WorkerPool({ log, threads: workerThreads });
  stops.add(() => pool.close());
  const own = new NodeIdentity({
    trustDomain,
    nodeName: name,
    authority: new AuthorityClient(runtime, trustDomain),
    signer: new PoolSigner(pool, clock),
    clock,
    random,
    log,
    svidLifetimeMs: options.svidLifetimeMs,
  });
  stops.add(() => own.stop());
  await own.start();
  identity = own;
  followAuthority(own, truth, authorityRecord(trustDomain), trustDomain);
  const claims = new ActorClaims(runtime, (ref) => {
    const held = truth.replica.get(serviceRecord(ref))?.object;
    return held?.kind === "service" ? held.state : undefined;
  });
  const sealing = secretSealing(sealingKey, random);
  return { runtime, pool, identity: own, claims, hostSessions: sessions, sealing };
}

/** Somebody has said so of the store as it is now: by a restore, or by letting go what it has lost. */
function isMeantToBegin({ mirror, replica, store }: Truth): boolean {
  const { incarnation } = replica.mark("records");
  if (incarnation !== store.incarnation("records")) return false;
  const { restored, released } = mirror.delivery().value ?? {};
  return restored !== undefined || released?.records.incarnation === incarnation;
}

/** Of another store (a backup was restored) all is taken anew, as soon as it has an authority; one that has lost it has none. */
function followAuthority(identity: NodeIdentity, truth: Truth, key: RecordKey, trustDomain: TrustDomain): void {
  const { replica, store } = truth;
  let incarnation = store.incarnation("records");
  replica.subscribe(({ keys }) => {
    if (!keys.includes(key)) return;
    const held = replica.get(key)?.object;
    if (held?.kind !== "authority") return;
    identity.offerBundle(bundleOfState(trustDomain, held.state));
    const { incarnation: now } = replica.mark("records");
    if (now === incarnation) return;
    incarnation = now;
    void identity.beginAnew();
  });
}

interface ActorParts {
  readonly truth: Truth;
  readonly cluster: Cluster;
  readonly sessions: HostSessions;
  readonly isLost: () => boolean;
  readonly sealingKey: SealingKey;
}

function startActors(context: NodeContext, parts: ActorParts): ActorRuntime {
  const { truth, cluster, sessions, isLost, sealingKey } = parts;
  const { options, clock, random, log, stops } = context;
  const { store, replica } = truth;
  const { membership: view, network } = cluster;
  const transport = actorTransport(network);
  const tail = (handler: TailHandler) => tailOfReplica(replica, handler);
  const runtime = new ActorRuntime({ store, clock, random, log, view, transport, tail });
  runtime.host(service, serviceHands);
  runtime.host(policy, policyHands);
  runtime.host(authority, authorityHands({ sealingKey, random, isLost }), [options.trustDomain]);
  runtime.host(
    sessions.kind,
    hostSessionsHands((withheld) => sessions.read(withheld)),
  );
  runtime.start();
  // Not before: whom the others count as a member, they send requests to.
  view.start();
  stops.add(() => runtime.drain());
  return runtime;
}
