/** The node's doors: the agents' listener and the API. */
import { StoredAttestation } from "../actors/attestation_records.ts";
import { startAgentListener } from "../api/agents/server.ts";
import type { Tokens } from "../api/ports.ts";
import { startApi } from "../api/server.ts";
import { AttestationService } from "../certificates/attestation/service.ts";
import { nameOfWorkload } from "../model/workload.ts";
import { NodeBackups } from "./backups.ts";
import type { Cluster } from "./cluster.ts";
import { NodeHealth } from "./health.ts";
import { MeshProxies } from "./mesh_proxies.ts";
import { Others } from "./others.ts";
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
  const { identity, claims } = owners;
  const { store, mirror, replica } = truth;
  const { pipeline, fleet, hosts, traffic, metrics, listening } = serving;
  const nodes = () => cluster.addresses();
  const bundle = () => identity.current().bundle;
  const records = new StoredAttestation(store);
  const svids = new MemberSvids(identity, cluster.membership);
  const attestation = new AttestationService({ trustDomain, records, svids, bundle, nodes, clock, random });
  const shared = { store, mirror, clock, random, log, trustDomain, claims };
  const agents = await startAgentListener(
    {
      ...shared,
      attestation,
      svids,
      bundle,
      nodes,
      hosts,
      gateways: () => pipeline.gateways(),
      certificates: { current: () => identity.current().tls, onChange: (listener) => identity.onChange(listener) },
    },
    options.agents,
  );
  cluster.listens({ agents: agents.address, xds: listening.mtls ?? "" });
  stops.add(() => agents.close());

  const others = new Others(cluster);
  const proxies = proxiesOf(context, inside, others);
  const health = new NodeHealth({
    nodeName: name,
    replica,
    fleet,
    hosts,
    identity,
    membership: cluster.membership,
    others,
    proxies: async () => (await proxies.status()).proxies,
    clock,
  });
  const api = await startApi(
    {
      ...shared,
      nodeName: name,
      admission: pipeline,
      proxies,
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
      backups: new NodeBackups(context, truth),
    },
    { listen: options.api, access: { hosts: [], origins: [], token: undefined }, pages: await pagesOf() },
  );
  stops.add(() => api.close());
  health.serving(true);
  return { agents: agents.address, api: new URL(api.url).host };
}

function proxiesOf({ options, clock }: NodeContext, { truth, serving }: Inside, others: Others): MeshProxies {
  const { store } = truth;
  const { fleet, pipeline } = serving;
  const own = new NodeProxies({
    nodeName: options.name,
    store,
    fleet,
    workload: (workload) => pipeline.workload(workload),
    layersOf: (workload) => pipeline.layersOf(workload),
    print: (resource) => pipeline.print(resource),
  });
  return new MeshProxies({
    own,
    others,
    registered: () => [...pipeline.workloads()].map(nameOfWorkload),
    incarnations: () => ({ records: store.incarnation("records"), endpoints: store.incarnation("endpoints") }),
    clock,
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
