/** The node's doors: the agents' listener and the API. */
import { StoredAttestation } from "../actors/attestation_records.ts";
import { startAgentListener } from "../api/agents/server.ts";
import type { Tokens } from "../api/ports.ts";
import { startApi } from "../api/server.ts";
import type { NodeAddresses } from "../certificates/attestation/protocol.ts";
import { AttestationService } from "../certificates/attestation/service.ts";
import { NodeHealth } from "./health.ts";
import type { Owners } from "./owners.ts";
import { pagesOf } from "./pages.ts";
import type { NodeContext } from "./parts.ts";
import { NodeProxies } from "./proxies.ts";
import type { Serving } from "./serving.ts";
import type { Truth } from "./truth.ts";

export interface Doors {
  /** host:port, as they listen. */
  readonly agents: string;
  readonly api: string;
}

export async function openDoors(context: NodeContext, truth: Truth, owners: Owners, serving: Serving): Promise<Doors> {
  const { options, clock, random, log, stops } = context;
  const { trustDomain, name } = options;
  const { identity, claims } = owners;
  const { store, mirror, replica } = truth;
  const { pipeline, fleet, hosts, traffic, metrics, listening } = serving;
  const startedAtMs = clock.nowMs();
  let agentsAddress = "";
  const nodes = (): NodeAddresses => ({ agents: [agentsAddress], xds: [listening.mtls ?? ""] });
  const bundle = () => identity.current().bundle;
  const records = new StoredAttestation(store);
  const attestation = new AttestationService({ trustDomain, records, svids: identity, bundle, nodes, clock, random });
  const shared = { store, mirror, clock, random, log, trustDomain, claims };
  const agents = await startAgentListener(
    {
      ...shared,
      attestation,
      svids: identity,
      bundle,
      nodes,
      hosts,
      gateways: () => pipeline.gateways(),
      certificates: { current: () => identity.current().tls, onChange: (listener) => identity.onChange(listener) },
    },
    options.agents,
  );
  agentsAddress = agents.address;
  stops.add(() => agents.close());

  const workloads = () => pipeline.workloads();
  const health = new NodeHealth({ nodeName: name, replica, fleet, hosts, identity, workloads, clock });
  const api = await startApi(
    {
      ...shared,
      nodeName: name,
      admission: pipeline,
      proxies: new NodeProxies({
        nodeName: name,
        store,
        fleet,
        workloads,
        workload: (workload) => pipeline.workload(workload),
        layersOf: (workload) => pipeline.layersOf(workload),
        print: (resource) => pipeline.print(resource),
      }),
      tokens: tokensOf(attestation, () => nodes().agents),
      members: { list: () => [{ name, state: "alive", self: true, since: startedAtMs }] },
      topology: traffic,
      metrics: { expose: async () => ({ contentType: "text/plain; version=0.0.4", text: await metrics.text() }) },
      health,
    },
    { listen: options.api, access: { hosts: [], origins: [], token: undefined }, pages: await pagesOf() },
  );
  stops.add(() => api.close());
  health.serving(true);
  return { agents: agents.address, api: new URL(api.url).host };
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
