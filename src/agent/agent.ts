/**
 * The agent's parts, wired. The order of a start: no second agent, the mesh joined if none is known, what an earlier
 * agent left adopted, the local API open; attesting by host key, registering and the heartbeat go on behind that, so
 * that an agent that is started while every node is away still holds its Envoys. A stop takes no new runs, ends those
 * there are or leaves their Envoys to the next agent, then ends all calls.
 */
import type { JoinToken } from "../certificates/attestation/protocol.ts";
import type { HostStatus } from "../model/run.ts";
import { WeftError } from "../platform/error.ts";
import { FreePorts, portRanges } from "../platform/free_ports.ts";
import { takeLock } from "../platform/process_lock.ts";
import { makePrivateDirectory } from "../platform/socket_directory.ts";
import { StateDirectory } from "../platform/state_directory.ts";
import { Attestation } from "./attestation.ts";
import { writeXdsAddresses, xdsAddressesIn } from "./envoy/xds_addresses.ts";
import { beat, Sooner } from "./heartbeat.ts";
import { Host } from "./host.ts";
import { HostKey } from "./host_key.ts";
import { hostNameFor, keepHostName } from "./host_name.ts";
import { Identities } from "./identities.ts";
import { LocalApi, refuseSecondAgent } from "./local_api.ts";
import { MeshdClient } from "./meshd_client.ts";
import { Registration } from "./registration.ts";
import type { RetryPorts } from "./retry.ts";
import { RunRecords } from "./run_record.ts";
import { secretsDirectory, socketPath } from "./sds/socket_path.ts";
import type { OnStop, Settings } from "./settings.ts";
import { Trust } from "./trust.ts";
import { heartbeatReply, storedSecretReply, svidReply, workloadSetReply } from "./wire.ts";

export interface Agent {
  status(): HostStatus;
  stop(onStop: OnStop): Promise<void>;
}

/**
 * @throws WeftError when another agent has the state directory or the socket, the directory is another host's, or a node
 * refuses the join for good.
 */
export async function startAgent(settings: Settings, token: JoinToken | undefined, ports: RetryPorts): Promise<Agent> {
  const state = new StateDirectory(settings.stateDirectory);
  const locked = takeLock(state.path("agent.lock"));
  if (locked.kind === "held") throw secondAgent(state.root, locked.pid);
  try {
    await refuseSecondAgent(settings.socketPath);
    const hostName = hostNameFor(state, settings.hostName, settings.machineName);
    const agent = await startOn(
      state,
      { ...settings, hostName, token },
      { ...ports, log: ports.log.with({ host: hostName }) },
    );
    const stop = (onStop: OnStop): Promise<void> => agent.stop(onStop).finally(locked.giveBack);
    return { ...agent, stop };
  } catch (cause) {
    locked.giveBack();
    throw cause;
  }
}

function secondAgent(directory: string, pid: number): WeftError {
  const because = `another agent has it, pid ${pid}`;
  const next = "end it first, or give another --state-dir";
  return new WeftError({ code: "conflict", retry: "never", attempted: `use ${directory}`, because, next });
}

interface NamedSettings extends Settings {
  readonly hostName: string;
  readonly token: JoinToken | undefined;
}

async function startOn(state: StateDirectory, settings: NamedSettings, ports: RetryPorts): Promise<Agent> {
  const over = new AbortController();
  const { signal } = over;
  const trust = new Trust(state, ports);
  const client = clientFor(settings, trust, ports);
  const attestation = attestationFor(settings, { state, trust, client }, ports);
  client.onIdentityRefused(() => attestation.renew(signal));
  const known = { state, trust, client, attested: attestation.first, signal };
  const sooner = new Sooner();
  const { host, registration } = hostFor(settings, { ...known, sooner }, ports);
  trust.onChange(() => host.trustChanged());
  trust.onChange(() => writeXdsAddresses(state, trust.joined.nodes.xds));
  attestation.onRefusal((because) => host.tellAll(because));
  void attestation.first
    .then(() => keepHostName(state, settings.hostName))
    .catch((cause) => {
      ports.log.error("host-name-not-kept", { because: String(cause) });
    });
  const joined = !attestation.meshKnown;
  if (joined) await attestation.begin(signal);
  writeXdsAddresses(state, trust.joined.nodes.xds);

  host.adopt(recordsIn(state, ports).read());
  const status = (): HostStatus => ({
    host: settings.hostName,
    pid: process.pid,
    attested: attestation.attested,
    ...(attestation.refusal === undefined ? {} : { refused: attestation.refusal }),
    workloads: host.status,
  });
  const api = new LocalApi({ socketPath: settings.socketPath, host, log: ports.log, status });
  await api.listen();
  if (!joined) attestation.renew(signal);
  const send = (body: unknown) =>
    client.call({ method: "POST", path: "/v1/agent/heartbeat", body, reply: heartbeatReply });
  void attestation.first.then(() => beat({ ...ports, host, trust, registration, sooner, send }, signal));
  return {
    status,
    async stop(onStop) {
      host.refuseNew();
      if (onStop === "drain") await host.endAll("the agent is stopped");
      over.abort(new Error("the agent is stopped"));
      api.close();
      client.close();
    },
  };
}

function clientFor(settings: NamedSettings, trust: Trust, { clock }: RetryPorts): MeshdClient {
  return new MeshdClient(clock, () => ({
    addresses: [...new Set([...settings.meshd, ...trust.joined.nodes.agents])],
    roots: trust.ownRoots,
    meshdId: trust.meshdId,
  }));
}

interface Running {
  readonly attested: Promise<void>;
  readonly signal: AbortSignal;
}

interface Known {
  readonly state: StateDirectory;
  readonly trust: Trust;
  readonly client: MeshdClient;
}

function attestationFor(
  { hostName, meshd: addresses, token }: NamedSettings,
  { state, trust, client }: Known,
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
  settings: NamedSettings,
  { state, trust, client, attested, signal, sooner }: Known & Running & { readonly sooner: Sooner },
  ports: RetryPorts,
): { readonly host: Host; readonly registration: Registration } {
  const sockets = secretsDirectory(state.root, process.env);
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
    stopping: signal,
    free: FreePorts.onThisMachine(portRanges.proxies, ports.random),
    envoy: settings.envoy,
    storedSecret: (body) => client.call({ method: "POST", path: "/v1/agent/secrets", body, reply: storedSecretReply }),
    secretsSettled: () => sooner.ask(),
    xdsAddresses: xdsAddressesIn(state),
    sdsSocket: (workload) => socketPath(sockets, workload),
    hostName: settings.hostName,
  });
  return { host, registration };
}
