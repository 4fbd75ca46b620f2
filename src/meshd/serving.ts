/** What serves the proxies: the pipeline from the replica, the xDS fleet with its server, and the fleet's traffic. */
import type { NodeTls } from "../certificates/node_identity.ts";
import { Secret } from "../platform/log.ts";
import { Fleet as TrafficFleet } from "../telemetry/fleet.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { Fleet } from "../xds/fleet.ts";
import type { TlsMaterial } from "../xds/listener.ts";
import { type XdsAddresses, XdsServer } from "../xds/server.ts";
import type { Cluster } from "./cluster.ts";
import { TrafficDirectory } from "./directory.ts";
import { LiveHosts } from "./hosts.ts";
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
  const { trustDomain, outboundPolicy } = options;
  const { replica } = truth;
  const observer = observeXds(() => metrics, log);
  const fleet = new Fleet({ clock, observer });
  const metrics: Metrics = metricsOf(truth, owners, fleet);
  const recomputed = (node: string, count: number): void => metrics.recomputations.inc({ node }, count);
  const pipeline = new Pipeline({ replica, fleet, trustDomain, outboundPolicy, log, recomputed });
  const traffic = new TrafficFleet(clock, new TrafficDirectory(pipeline));
  const hosts = new LiveHosts({
    nodeName: options.name,
    clock,
    fleet: traffic,
    gossip: cluster.network.gossip("hosts"),
  });
  pipeline.onWorkloadChanged((workload) => {
    if (!pipeline.workload(workload)) hosts.forget(workload);
  });
  stops.add(hosts.start());
  await replica.whenSynced(signal);
  pipeline.start();
  const xds = new XdsServer({
    fleet,
    identities: new ProxyIdentities(trustDomain, pipeline),
    clock,
    random,
    observer,
    mtls: { address: options.xds, material: tlsMaterial(owners.identity.current().tls) },
    ...(options.xdsPlaintext && { plaintext: options.xdsPlaintext }),
  });
  stops.add(() => xds.stop());
  owners.identity.onChange(({ tls }) => xds.replaceTls(tlsMaterial(tls)));
  return { fleet, pipeline, traffic, hosts, metrics, listening: await xds.start() };
}

function metricsOf({ replica, store }: Truth, { runtime, pool }: Owners, fleet: Fleet): Metrics {
  return new Metrics({
    connectedProxies: () => fleet.size().streams,
    layers: () => fleet.size().layers,
    layerBytes: () => fleet.size().bytes,
    replicaRecords: () => replica.list("object").length + replica.list("workload").length,
    actors: () => Object.values(runtime.active()).reduce((sum, count) => sum + count, 0),
    actorCounts: () => ({ ...runtime.counts }),
    signTasks: () => pool.counts(),
    appends: () => store.appends,
  });
}

function tlsMaterial(tls: NodeTls): TlsMaterial {
  return { certificateChainPem: tls.certChain, privateKeyPem: new Secret(tls.key), trustedRootsPem: [tls.roots] };
}
