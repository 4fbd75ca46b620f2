/** One control-plane node: its parts, made and joined. Everything is handed what it needs; nothing is looked up. */
import { readFile } from "node:fs/promises";
import { StoredAttestation } from "../actors/attestation_records.ts";
import { AuthorityClient } from "../actors/authority_client.ts";
import { authority, bundleOfState } from "../actors/kinds/authority.ts";
import { authorityHands } from "../actors/kinds/authority_hands.ts";
import { service, serviceHands } from "../actors/kinds/service.ts";
import { LocalNetwork } from "../actors/runtime/local_network.ts";
import { type NodeName, soleMember } from "../actors/runtime/placement.ts";
import { ActorRuntime } from "../actors/runtime/runtime.ts";
import { startAgentListener } from "../api/agents/server.ts";
import { startApi } from "../api/server.ts";
import { AttestationService } from "../certificates/attestation/service.ts";
import { sealingKeyFrom } from "../certificates/key_sealing.ts";
import { NodeIdentity, type NodeTls } from "../certificates/node_identity.ts";
import type { Clock } from "../platform/clock.ts";
import { object, text } from "../platform/decode.ts";
import { WeftError } from "../platform/error.ts";
import { type Logger, Secret } from "../platform/log.ts";
import type { Random } from "../platform/random.ts";
import { openJetStreamStore } from "../store/jetstream/open.ts";
import { authorityRecord, serviceRecord } from "../store/keys.ts";
import { Replica } from "../store/replica.ts";
import { Fleet as TrafficFleet } from "../telemetry/fleet.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { WorkerPool } from "../workers/pool.ts";
import { PoolSigner } from "../workers/signer.ts";
import { Fleet } from "../xds/fleet.ts";
import type { TlsMaterial } from "../xds/listener.ts";
import { XdsServer } from "../xds/server.ts";
import { ActorClaims } from "./claims.ts";
import { TrafficDirectory } from "./directory.ts";
import { NodeHealth } from "./health.ts";
import { LiveHosts } from "./hosts.ts";
import { ProxyIdentities } from "./identities.ts";
import { decodeMeshRecord } from "./mesh_record.ts";
import { ReplicaMirror } from "./mirror.ts";
import { observeXds } from "./observe.ts";
import type { MeshdOptions } from "./options.ts";
import { pagesOf } from "./pages.ts";
import { Pipeline } from "./pipeline.ts";
import { NodeProxies } from "./proxies.ts";

export interface NodePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Gives up starting. */
  readonly signal: AbortSignal;
}

export interface Node {
  /** host:port of what listens. */
  readonly addresses: {
    readonly api: string;
    readonly xds: string;
    readonly agents: string;
    readonly xdsPlaintext?: string;
  };
  stop(): Promise<void>;
}

const credentialsFile = object(
  { user: text(256), pass: text(256) },
  { system: object({ user: text(256), pass: text(256) }) },
);
const workerThreads = 1;

export async function startNode(options: MeshdOptions, ports: NodePorts): Promise<Node> {
  const { clock, random, log, signal } = ports;
  const { trustDomain, name } = options;
  const stops: (() => Promise<void> | void)[] = [];
  const { system, ...credentials } = credentialsFile(
    JSON.parse(await read(options.natsCredentialsFile)),
    "credentials",
  );
  const store = await openJetStreamStore({
    ...credentials,
    ...(system ? { system } : { assumeSynced: options.assumeNatsSynced }),
    servers: options.nats,
    cluster: options.cluster,
    replicas: options.nats.length >= 3 ? 3 : 1,
    name: `${name} of ${options.cluster}`,
    clock,
    random,
    logger: log,
    signal,
  });
  stops.push(() => store.close());

  const replica = new Replica({ store, clock, decode: decodeMeshRecord });
  stops.push(() => replica.close());
  const mirror = new ReplicaMirror(replica, store);

  const runtime = new ActorRuntime({
    store,
    clock,
    random,
    log,
    view: soleMember(name as NodeName),
    transport: new LocalNetwork(clock).join(name as NodeName),
  });
  runtime.host(service, serviceHands);
  const sealingKey = sealingKeyFrom(await read(options.authorityKeyFile));
  runtime.host(authority, authorityHands({ sealingKey, random }), [trustDomain]);
  runtime.start();
  stops.push(() => runtime.drain());

  const pool = new WorkerPool({ log, threads: workerThreads });
  stops.push(() => pool.close());
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
  stops.push(() => identity.stop());

  const fleet: Fleet = new Fleet({ clock, observer: observeXds(() => metrics, log) });
  const metrics: Metrics = new Metrics({
    connectedProxies: () => fleet.size().streams,
    layers: () => fleet.size().layers,
    layerBytes: () => fleet.size().bytes,
    replicaRecords: () => replica.list("object").length + replica.list("workload").length,
    actors: () => Object.values(runtime.active()).reduce((sum, count) => sum + count, 0),
  });
  const pipeline = new Pipeline({
    replica,
    fleet,
    trustDomain,
    outboundPolicy: options.outboundPolicy,
    log,
    recomputed: (node, count) => metrics.recomputations.inc({ node }, count),
  });
  const traffic = new TrafficFleet(clock, new TrafficDirectory(pipeline));
  const hosts = new LiveHosts(clock, traffic);
  pipeline.onWorkloadChanged((workload) => {
    if (!pipeline.workload(workload)) hosts.forget(workload);
  });

  await Promise.all([identity.start(), replica.whenSynced(signal)]);
  pipeline.start();
  replica.subscribe(({ keys }) => {
    if (!keys.includes(authorityRecord(trustDomain))) return;
    const held = replica.get(authorityRecord(trustDomain))?.object;
    if (held?.kind === "authority") identity.offerBundle(bundleOfState(trustDomain, held.state));
  });

  const xds = new XdsServer({
    fleet,
    identities: new ProxyIdentities(trustDomain, pipeline),
    clock,
    random,
    observer: observeXds(() => metrics, log),
    mtls: { address: options.xds, material: tlsMaterial(identity.current().tls) },
    ...(options.xdsPlaintext && { plaintext: options.xdsPlaintext }),
  });
  stops.push(() => xds.stop());
  identity.onChange(({ tls }) => xds.replaceTls(tlsMaterial(tls)));
  const listening = await xds.start();

  const addresses = { xds: listening.mtls ?? "", agents: "" };
  const nodes = () => ({ agents: [addresses.agents], xds: [addresses.xds] });
  const attestation = new AttestationService({
    trustDomain,
    records: new StoredAttestation(store),
    svids: identity,
    bundle: () => identity.current().bundle,
    nodes,
    clock,
    random,
  });
  const claims = new ActorClaims(runtime, (ref) => {
    const held = replica.get(serviceRecord(ref))?.object;
    return held?.kind === "service" ? held.state : undefined;
  });
  const agents = await startAgentListener(
    {
      store,
      mirror,
      clock,
      random,
      log,
      trustDomain,
      claims,
      attestation,
      svids: identity,
      bundle: () => identity.current().bundle,
      nodes,
      hosts,
      gateways: () => pipeline.gateways(),
      certificates: { current: () => identity.current().tls, onChange: (listener) => identity.onChange(listener) },
    },
    options.agents,
  );
  stops.push(() => agents.close());
  addresses.agents = agents.address;

  const health = new NodeHealth({
    nodeName: name,
    replica,
    fleet,
    hosts,
    identity,
    workloads: () => pipeline.workloads(),
    clock,
  });
  const api = await startApi(
    {
      nodeName: name,
      trustDomain,
      store,
      mirror,
      admission: pipeline,
      claims,
      proxies: new NodeProxies({
        nodeName: name,
        store,
        fleet,
        workloads: () => pipeline.workloads(),
        workload: (workload) => pipeline.workload(workload),
        layersOf: (workload) => pipeline.layersOf(workload),
        print: (resource) => pipeline.print(resource),
      }),
      tokens: {
        create: async ({ lifetimeMs, hostName }) => {
          const made = await attestation.createToken({
            addresses: nodes().agents,
            lifetimeMs,
            ...(hostName === undefined ? {} : { hostName }),
          });
          return { token: made.text, id: made.id, expiresAtMs: made.expiresAtMs };
        },
      },
      members: { list: () => [{ name, state: "alive", self: true, since: startedAtMs }] },
      topology: traffic,
      metrics: { expose: async () => ({ contentType: "text/plain; version=0.0.4", text: await metrics.text() }) },
      health,
      clock,
      random,
      log,
    },
    { listen: options.api, access: { hosts: [], origins: [], token: undefined }, pages: await pagesOf() },
  );
  stops.push(() => api.close());
  health.serving(true);
  const startedAtMs = clock.nowMs();

  return {
    addresses: {
      api: new URL(api.url).host,
      xds: addresses.xds,
      agents: addresses.agents,
      ...(listening.plaintext && { xdsPlaintext: listening.plaintext }),
    },
    async stop() {
      for (const stop of stops.reverse()) await stop();
    },
  };
}

function tlsMaterial(tls: NodeTls): TlsMaterial {
  return { certificateChainPem: tls.certChain, privateKeyPem: new Secret(tls.key), trustedRootsPem: [tls.roots] };
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw WeftError.from(cause, `read ${file}`, { code: "not-found", retry: "never" });
  }
}
