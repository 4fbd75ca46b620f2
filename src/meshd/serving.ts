/** What serves the proxies: the pipeline from the replica, the xDS fleet with its server, and the fleet's traffic. */
import { policy } from "../actors/kinds/policy.ts";
import type { NodeTls } from "../certificates/node_identity.ts";
import type { WorkloadName } from "../model/names.ts";
import { Secret } from "../platform/log.ts";
import { StateDirectory } from "../platform/state_directory.ts";
import { Fleet as TrafficFleet } from "../telemetry/fleet.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { Fleet } from "../xds/fleet.ts";
import type { TlsMaterial } from "../xds/listener.ts";
import { type XdsAddresses, XdsServer } from "../xds/server.ts";
import { formsBefore, KeptShards, objectsAt } from "./brake/kept.ts";
import { Refusals } from "./brake/refusals.ts";
import { Agreement } from "./cluster/agreement.ts";
import type { Cluster } from "./cluster/cluster.ts";
import { Others } from "./cluster/others.ts";
import { StreamGate } from "./cluster/stream_gate.ts";
import { TrafficDirectory } from "./directory.ts";
import { LiveHosts } from "./hosts/live_hosts.ts";
import { ProxyIdentities } from "./identities.ts";
import { observeXds } from "./observe.ts";
import type { Owners } from "./owners.ts";
import type { NodeContext } from "./parts.ts";
import { Pipeline } from "./pipeline.ts";
import type { Truth } from "./truth.ts";

export interface Serving {
  readonly fleet: Fleet;
  readonly pipeline: Pipeline;
  readonly traffic: TrafficFleet;
  readonly hosts: LiveHosts;
  readonly metrics: Metrics;
  readonly others: Others;
  readonly agreement: Agreement;
  readonly listening: XdsAddresses;
}

export interface Inside {
  readonly truth: Truth;
  readonly cluster: Cluster;
  readonly owners: Owners;
}

/** Everything that is true is compiled before the listener opens: an empty configuration reaches nobody. */
export async function startServing(context: NodeContext, inside: Inside): Promise<Serving> {
  const { truth, owners, cluster } = inside;
  const { options, clock, random, log, signal, stops } = context;
  const { trustDomain, outboundTrafficPolicy } = options;
  const { replica } = truth;
  const refusals = (): Refusals => told;
  const observer = observeXds({ metrics: () => metrics, refusals, log });
  const fleet = new Fleet({ clock, observer });
  const metrics: Metrics = metricsOf(truth, owners, fleet, () => pipeline.brake);
  const recomputed = (node: string, count: number): void => metrics.recomputations.inc({ node }, count);
  const kept = new KeptShards({
    state: new StateDirectory(options.stateDir),
    clock,
    log,
    incarnation: () => truth.store.incarnation("endpoints"),
  });
  stops.add(() => kept.stop());
  const stepped = (): void => kept.changed(() => pipeline.brake.keptShards());
  const shared = { replica, fleet, clock, log };
  const pipeline = new Pipeline({ ...shared, trustDomain, outboundTrafficPolicy, recomputed, stepped });
  const told = new Refusals({
    quarantine: pipeline.quarantine,
    hostOf: (proxy) => pipeline.workload(proxy as WorkloadName)?.host,
    async tell(key, refusal) {
      await owners.runtime.ask(policy, key, { type: "refused", ...refusal });
    },
    log,
  });
  const traffic = new TrafficFleet(clock, new TrafficDirectory(pipeline));
  const hosts = new LiveHosts({
    nodeName: options.name,
    clock,
    fleet: traffic,
    gossip: cluster.network.gossip("hosts"),
    membership: cluster.membership,
    leaseMs: options.hostLeaseMs,
  });
  pipeline.onWorkloadChanged((workload) => {
    if (!pipeline.workload(workload)) hosts.forget(workload);
  });
  stops.add(hosts.start());
  const others = new Others(cluster);
  const agreement = new Agreement({ replica, others, clock, log });
  const { store } = truth;
  const isSuspect = (): boolean => agreement.suspect;
  const keeps = (): boolean => pipeline.brake.keepsMissing;
  const gate = new StreamGate({ replica, store, isSuspect, keeps, others: () => cluster.copies(), clock });
  cluster.tellsCopy(() => gate.copy());
  metrics.watchCopy({
    comparisons: () => agreement.counts,
    rereads: () => replica.rereads,
    streams: () => gate.counts,
  });
  await replica.whenSynced(signal);
  const frozen = truth.mirror.delivery().value?.frozen;
  const objects = frozen ? await objectsAt(frozen, truth.store, signal) : [];
  pipeline.quarantine.keep(await formsBefore(pipeline.quarantine.wanted(), truth.store, signal));
  pipeline.start(new Map([...kept.read(), ...objects]));
  const xds = new XdsServer({
    fleet,
    identities: new ProxyIdentities(trustDomain, pipeline),
    admission: () => gate.admit(),
    clock,
    random,
    observer,
    mtls: { address: options.xds, material: tlsMaterial(owners.identity.current().tls) },
    ...(options.xdsPlaintext && { plaintext: options.xdsPlaintext }),
  });
  metrics.watchArrivals(fleet.arrivals, () => xds.waitingConnections);
  stops.add(() => xds.stop());
  owners.identity.onChange(({ tls }) => xds.replaceTls(tlsMaterial(tls)));
  return { fleet, pipeline, traffic, hosts, metrics, others, agreement, listening: await xds.start() };
}

function metricsOf(
  { replica, store }: Truth,
  { runtime, pool }: Owners,
  fleet: Fleet,
  brake: () => Pipeline["brake"],
): Metrics {
  return new Metrics({
    connectedProxies: () => fleet.size().streams,
    layers: () => fleet.size().layers,
    layerBytes: () => fleet.size().bytes,
    replicaRecords: () => replica.list("object").length + replica.list("workload").length,
    actors: () => Object.values(runtime.active()).reduce((sum, count) => sum + count, 0),
    actorCounts: () => ({ ...runtime.counts }),
    held: () =>
      Object.fromEntries(
        brake()
          .holds()
          .map(({ reason, changes }) => [reason, changes]),
      ),
    holds: () => brake().counts,
    signTasks: () => pool.counts(),
    appends: () => store.appends,
  });
}

function tlsMaterial(tls: NodeTls): TlsMaterial {
  return { certificateChainPem: tls.certChain, privateKeyPem: new Secret(tls.key), trustedRootsPem: [tls.roots] };
}
