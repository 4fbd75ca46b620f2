/** The actors of this node, and the node's own identity, which the authority actor signs. */
import { AuthorityClient } from "../actors/authority_client.ts";
import { authority, bundleOfState } from "../actors/kinds/authority.ts";
import { authorityHands } from "../actors/kinds/authority_hands.ts";
import { service, serviceHands } from "../actors/kinds/service.ts";
import { actorTransport } from "../actors/nats/transport.ts";
import { ActorRuntime } from "../actors/runtime/runtime.ts";
import { sealingKeyFrom } from "../certificates/key_sealing.ts";
import { NodeIdentity } from "../certificates/node_identity.ts";
import { authorityRecord, serviceRecord } from "../store/keys.ts";
import { WorkerPool } from "../workers/pool.ts";
import { PoolSigner } from "../workers/signer.ts";
import { ActorClaims } from "./claims.ts";
import type { Cluster } from "./cluster.ts";
import type { NodeContext } from "./parts.ts";
import { readTextFile, type Truth } from "./truth.ts";

export interface Owners {
  readonly runtime: ActorRuntime;
  readonly pool: WorkerPool;
  readonly identity: NodeIdentity;
  readonly claims: ActorClaims;
}

/** The main thread, Envoys and NATS want the other cores. */
const workerThreads = 1;

/** Resolves when the node has its certificates. */
export async function startOwners(context: NodeContext, truth: Truth, cluster: Cluster): Promise<Owners> {
  const { options, clock, random, log, stops } = context;
  const { trustDomain, name } = options;
  const runtime = await startActors(context, truth, cluster);
  const pool = new WorkerPool({ log, threads: workerThreads });
  stops.add(() => pool.close());
  const identity = new NodeIdentity({
    trustDomain,
    nodeName: name,
    authority: new AuthorityClient(runtime, trustDomain),
    signer: new PoolSigner(pool, clock),
    clock,
    random,
    log,
    svidLifetimeMs: options.svidLifetimeMs,
  });
  stops.add(() => identity.stop());
  await identity.start();
  truth.replica.subscribe(({ keys }) => {
    if (!keys.includes(authorityRecord(trustDomain))) return;
    const held = truth.replica.get(authorityRecord(trustDomain))?.object;
    if (held?.kind === "authority") identity.offerBundle(bundleOfState(trustDomain, held.state));
  });
  let incarnation = truth.store.incarnation("records");
  truth.replica.subscribe(({ stream }) => {
    const now = truth.store.incarnation("records");
    if (stream !== "records" || now === incarnation) return;
    incarnation = now;
    void identity.beginAnew();
  });
  const claims = new ActorClaims(runtime, (ref) => {
    const held = truth.replica.get(serviceRecord(ref))?.object;
    return held?.kind === "service" ? held.state : undefined;
  });
  return { runtime, pool, identity, claims };
}

async function startActors(context: NodeContext, { store }: Truth, cluster: Cluster): Promise<ActorRuntime> {
  const { options, clock, random, log, stops } = context;
  const sealingKey = sealingKeyFrom(await readTextFile(options.authorityKeyFile));
  const { membership: view, network } = cluster;
  const runtime = new ActorRuntime({ store, clock, random, log, view, transport: actorTransport(network) });
  runtime.host(service, serviceHands);
  runtime.host(authority, authorityHands({ sealingKey, random }), [options.trustDomain]);
  runtime.start();
  // Not before: whom the others count as a member, they send requests to.
  view.start();
  stops.add(() => runtime.drain());
  return runtime;
}
