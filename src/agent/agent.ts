/**
 * The agent's parts, wired. The order of a start: no second agent, the mesh joined if none is known, what an earlier
 * agent left adopted, the local API open; attesting by host key, registering and the heartbeat go on behind that, so
 * that an agent that is started while every node is away still holds its Envoys.
 */
import type { JoinToken } from "../certificates/attestation/protocol.ts";
import type { HostStatus } from "../model/run.ts";
import { Attestation } from "./attestation.ts";
import { writeXdsAddresses, xdsAddressesIn } from "./envoy/xds_addresses.ts";
import { beat } from "./heartbeat.ts";
import { Host } from "./host.ts";
import { HostKey } from "./host_key.ts";
import { Identities } from "./identities.ts";
import { LocalApi, refuseSecondAgent } from "./local_api.ts";
import { MeshdClient } from "./meshd_client.ts";
import { canBind, PortAllocator, systemPortRange } from "./ports.ts";
import { Registration } from "./registration.ts";
import type { RetryPorts } from "./retry.ts";
import { RunRecords } from "./run_record.ts";
import { makePrivateDirectory, socketDirectory, socketPath } from "./sds/socket_path.ts";
import type { Settings } from "./settings.ts";
import { StateDirectory } from "./state_directory.ts";
import { Trust } from "./trust.ts";
import { heartbeatReply, svidReply, workloadSetReply } from "./wire.ts";

export interface Agent {
  status(): HostStatus;
  stop(): Promise<void>;
}

/** @throws WeftError when another agent has the state directory's socket, or a node refuses the join for good. */
export async function startAgent(settings: Settings, token: JoinToken | undefined, ports: RetryPorts): Promise<Agent> {
  await refuseSecondAgent(settings.socketPath);
  const over = new AbortController();
  const { signal } = over;
  const state = new StateDirectory(settings.stateDirectory);
  const trust = new Trust(state);
  const client = clientFor(settings, trust, ports);
  const attestation = attestationFor(settings, { state, trust, client, token }, ports);
  client.onIdentityRefused(() => attestation.renew(signal));
  const { host, registration } = hostFor(
    settings,
    { state, trust, client, attested: attestation.first, signal },
    ports,
  );
  trust.onChange(() => {
    host.trustChanged();
    writeXdsAddresses(state, trust.joined.nodes.xds);
  });
  const joined = !attestation.meshKnown;
  if (joined) await attestation.begin(signal);
  writeXdsAddresses(state, trust.joined.nodes.xds);

  host.adopt(recordsIn(state, ports).read());
  const status = (): HostStatus => ({
    host: settings.hostName,
    pid: process.pid,
    attested: attestation.attested,
    workloads: host.status,
  });
  const api = new LocalApi({ socketPath: settings.socketPath, host, log: ports.log, status });
  await api.listen();
  if (!joined) attestation.renew(signal);
  const send = (body: unknown) =>
    client.call({ method: "POST", path: "/v1/agent/heartbeat", body, reply: heartbeatReply });
  void attestation.first.then(() => beat({ ...ports, host, trust, registration, send }, signal));
  return {
    status,
    async stop() {
      if (settings.onStop === "drain") await host.endAll("the agent is stopped");
      over.abort(new Error("the agent is stopped"));
      api.close();
      client.close();
    },
  };
}

function clientFor(settings: Settings, trust: Trust, { clock }: RetryPorts): MeshdClient {
  return new MeshdClient(clock, () => ({
    addresses: [...new Set([...settings.meshd, ...trust.joined.nodes.agents])],
    roots: trust.ownRoots,
    meshdId: trust.meshdId,
  }));
}

interface Known {
  readonly state: StateDirectory;
  readonly trust: Trust;
  readonly client: MeshdClient;
}

function attestationFor(
  { hostName, meshd: addresses }: Settings,
  { state, trust, client, token }: Known & { readonly token: JoinToken | undefined },
  ports: RetryPorts,
): Attestation {
  return new Attestation({ ...ports, hostName, hostKey: HostKey.from(state), trust, client, token, addresses });
}

function recordsIn(state: StateDirectory, { log }: RetryPorts) {
  const records = new RunRecords(state);
  const unreadable = (path: string, cause: unknown): void =>
    log.error("unreadable-record", { path, because: String(cause) });
  return { records, read: () => records.all(unreadable) };
}

function hostFor(
  settings: Settings,
  {
    state,
    trust,
    client,
    attested,
    signal,
  }: Known & { readonly attested: Promise<void>; readonly signal: AbortSignal },
  ports: RetryPorts,
): { readonly host: Host; readonly registration: Registration } {
  const sockets = socketDirectory(state.root, process.env);
  makePrivateDirectory(sockets);
  const registration = new Registration({
    ...ports,
    signal,
    current: () => host.set,
    async put(body) {
      await attested;
      const reply = await client.call({ method: "PUT", path: "/v1/agent/workloads", body, reply: workloadSetReply });
      for (const { workload, message } of reply.refused) host.refused(workload, message);
      return reply;
    },
  });
  const identities = new Identities({
    ...ports,
    async request(body) {
      await attested;
      return client.call({ method: "POST", path: "/v1/agent/svids", body, reply: svidReply });
    },
    issued: (workload, identity) => host.take(workload, identity),
  });
  const host: Host = new Host({
    ...ports,
    records: recordsIn(state, ports).records,
    trust,
    registration,
    identities,
    ports: new PortAllocator({ range: systemPortRange(), random: ports.random, canBind }),
    envoy: settings.envoy,
    xdsAddresses: xdsAddressesIn(state),
    sdsSocket: (workload) => socketPath(sockets, workload),
    hostName: settings.hostName,
  });
  return { host, registration };
}
