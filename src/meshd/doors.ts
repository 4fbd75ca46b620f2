/** The node's doors: the agents' listener and the API. */

import { StoredAttestation } from "../actors/attestation_records.ts";
import { allHosts } from "../actors/kinds/host_sessions.ts";
import { service, unreachableIn } from "../actors/kinds/service.ts";
import { secretVersions } from "../api/agents/secrets.ts";
import { startAgentListener } from "../api/agents/server.ts";
import type { Tokens } from "../api/ports.ts";
import { startApi } from "../api/server.ts";
import { AttestationService } from "../certificates/attestation/service.ts";
import { serviceKey, type WorkloadName } from "../model/names.ts";
import { nameOfWorkload } from "../model/workload.ts";
import { hostSessionsRecord, serviceRecord } from "../store/keys.ts";
import { readApiToken } from "./api_token.ts";
import { NodeBackups } from "./backups.ts";
import type { Cluster } from "./cluster/cluster.ts";
import type { Others } from "./cluster/others.ts";
import { NodeHealth } from "./health.ts";
import { EndpointWatch } from "./hosts/endpoint_watch.ts";
import { HostWatch } from "./hosts/host_watch.ts";
import { SecretWatch } from "./hosts/secret_watch.ts";
import { MeshProxies } from "./mesh_proxies.ts";
import type { Owners } from "./owners.ts";
import { pagesOf } from "./pages.ts";
import type { NodeContext } from "./parts.ts";
import { NodeProxies } from "./proxies.ts";
import type { Serving } from "./serving.ts";
import { MemberSvids } from "./signing.ts";
import type { Truth } from "./truth.ts";

export interface Doors {
  /** host:port, as they listen. */
  readonly agents: string;
  readonly api: string;
}

export interface Inside {
  readonly truth: Truth;
  readonly cluster: Cluster;
  readonly owners: Owners;
  readonly serving: Serving;
}

export async function openDoors(context: NodeContext, inside: Inside): Promise<Doors> {
  const { truth, cluster, owners, serving } = inside;
  const { options, clock, random, log, stops } = context;
  const { trustDomain, name } = options;
  const { identity, claims, sealing } = owners;
  const { store, mirror, replica } = truth;
  const { pipeline, fleet, hosts, traffic, metrics, others, agreement, listening } = serving;
  const nodes = () => cluster.addresses();
  const bundle = () => identity.current().bundle;
  const records = new StoredAttestation(store);
  const svids = new MemberSvids(identity, cluster.membership);
  const attestation = new AttestationService({ trustDomain, records, svids, bundle, nodes, clock, random });
  const shared = { store, mirror, clock, random, log, trustDomain, claims, sealing };
  const agents = await startAgentListener(
    {
      ...shared,
      attestation,
      svids,
      bundle,
      nodes,
      hosts,
      gateways: () => pipeline.gateways(),
      rules: () => pipeline.rules(),
      certificates: { current: () => identity.current().tls, onChange: (listener) => identity.onChange(listener) },
    },
    options.agents,
  );
  cluster.listens({ agents: agents.address, xds: listening.mtls ?? "" });
  stops.add(() => agents.close());

  const proxies = proxiesOf(context, inside, others);
  const watch = watchHosts(context, inside, others);
  watchEndpoints(context, inside);
  const health = new NodeHealth({
    nodeName: name,
    replica,
    fleet,
    hosts,
    watch,
    identity,
    membership: cluster.membership,
    others,
    agreement,
    proxies: async () => (await proxies.status()).proxies,
    holds: () => pipeline.brake.holds(),
    clock,
  });
  const api = await startApi(
    {
      ...shared,
      nodeName: name,
      admission: pipeline,
      proxies,
      explanations: pipeline,
      tokens: tokensOf(attestation, () => nodes().agents),
      members: {
        list: () =>
          cluster.membership
            .known()
            .map(({ node, sinceMs, state, self }) => ({ name: node, state, self, since: sinceMs })),
      },
      topology: traffic,
      metrics: { expose: async () => ({ contentType: "text/plain; version=0.0.4", text: await metrics.text() }) },
      health,
      brake: pipeline.brake,
      backups: new NodeBackups(context, truth),
    },
    {
      listen: options.api,
      access: { hosts: [], origins: [], token: await readApiToken(options) },
      pages: await pagesOf(),
    },
  );
  stops.add(() => api.close());
  health.serving(true);
  return { agents: agents.address, api: new URL(api.url).host };
}

function proxiesOf({ options, clock }: NodeContext, { truth, serving }: Inside, others: Others): MeshProxies {
  const { store, mirror } = truth;
  const { fleet, pipeline, hosts } = serving;
  const naming = { mirror, gateways: () => pipeline.gateways(), rules: () => pipeline.rules() };
  const own = new NodeProxies({
    nodeName: options.name,
    store,
    fleet,
    workload: (workload) => pipeline.workload(workload),
    layersOf: (workload) => pipeline.layersOf(workload),
    holds: (position) => pipeline.brake.holdsUpTo(position),
    print: (resource) => pipeline.print(resource),
    secrets: new SecretWatch({
      workload: (workload) => pipeline.workload(workload),
      named: (workload) => pipeline.secretsOf(workload),
      versions: (workload) => secretVersions(naming, [workload])[nameOfWorkload(workload)] ?? {},
      hosts,
    }),
  });
  return new MeshProxies({
    own,
    others,
    registered: () => [...pipeline.workloads()].map(nameOfWorkload),
    incarnations: () => ({ records: store.incarnation("records"), endpoints: store.incarnation("endpoints") }),
    clock,
  });
}

function watchHosts({ options, clock, log, stops }: NodeContext, inside: Inside, others: Others): HostWatch {
  const { replica } = inside.truth;
  const { hostSessions, runtime } = inside.owners;
  const { fleet, pipeline, hosts } = inside.serving;
  const hostOf = (proxy: string): string | undefined => pipeline.workload(proxy as WorkloadName)?.host;
  const watch = new HostWatch({
    kind: hostSessions.kind,
    runtime,
    view: inside.cluster.membership,
    others,
    hosts,
    leaseMs: options.hostLeaseMs,
    state: () => {
      const held = replica.get(hostSessionsRecord(allHosts))?.object;
      return held?.kind === "host-sessions" ? held.state : undefined;
    },
    known: () => {
      const hostNames = [...pipeline.workloads()].flatMap(({ role, host }) => (role === "sidecar" ? [host] : []));
      return replica.synced ? new Set(hostNames) : undefined;
    },
    connected: () => new Set([...fleet.proxies()].flatMap((proxy) => hostOf(proxy) ?? [])),
    clock,
    log,
  });
  hostSessions.read = (withheld) => watch.signs(withheld);
  stops.add(watch.start());
  return watch;
}

function watchEndpoints({ log }: NodeContext, { truth, owners, serving }: Inside): void {
  const { pipeline, hosts } = serving;
  const watch = new EndpointWatch({
    endpoints: (ref) => pipeline.hostsByAddress(ref),
    judged: (ref) => {
      const held = truth.replica.get(serviceRecord(ref))?.object;
      return held?.kind === "service" ? unreachableIn(held.state) : [];
    },
    tell: async ({ service: ref, ...said }) => {
      // Said again with the next report if it is lost.
      await owners.runtime.ask(service, serviceKey(ref), { type: "observed", ...said }).catch((cause: unknown) => {
        log.warn("unreachable endpoints not told", { service: serviceKey(ref), because: String(cause) });
      });
    },
  });
  hosts.onHeard((host, said) => watch.heard(host, said));
  pipeline.onWorkloadChanged((workload) => {
    if (!pipeline.workload(workload)) watch.forget(workload);
  });
}

function tokensOf<Seen>(attestation: AttestationService<Seen>, addresses: () => readonly string[]): Tokens {
  return {
    async create({ lifetimeMs, hostName }) {
      const host = hostName === undefined ? {} : { hostName };
      const made = await attestation.createToken({ addresses: addresses(), lifetimeMs, ...host });
      return { token: made.text, id: made.id, expiresAtMs: made.expiresAtMs };
    },
  };
}
