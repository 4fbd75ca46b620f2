/**
 * What `meshctl run` and `meshctl gateway run` ask of their host's agent, over its Unix socket, and what it answers.
 *
 * `POST /v1/run` with a RunRequest opens a session; the answer is a stream of RunEvents, one JSON object a line, that
 * stays open as long as the workload is to live. The client ends a session with `DELETE /v1/run/SESSION` (the agent
 * withdraws the endpoint, drains, stops the Envoy) or by vanishing: the agent waits a grace for the same `session` to
 * come back (an agent that was started again adopts its Envoys and waits likewise), then does the same.
 *
 * `GET /v1/workloads` answers a HostStatus: what the agent runs now, with process ids.
 */
import type { LocalAddress } from "./workload.ts";

export interface RunPort {
  readonly name: string;
  readonly port: number;
  readonly appPort: number;
}

interface RunBase {
  /** Chosen by the client; presenting it again resumes the session. */
  readonly session: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  /** REGION/ZONE or "". */
  readonly locality: string;
}

export interface RunSidecar extends RunBase {
  readonly role: "sidecar";
  readonly service: string;
  /** Absent: SERVICE-VERSION, numbered if taken. */
  readonly name?: string;
  readonly ports: readonly RunPort[];
  readonly upstreams: readonly { readonly service: string; readonly port: number; readonly listen: LocalAddress }[];
}

export interface RunGateway extends RunBase {
  readonly role: "gateway";
  readonly name: string;
  readonly eastWest: boolean;
  /** hostPort 0: any free one. */
  readonly ports: readonly { readonly port: number; readonly hostPort: number }[];
}

export type RunRequest = RunSidecar | RunGateway;

export type RunEvent =
  | {
      /** Registered, and its Envoy configured. Sent again, with the new pids, to a session that resumes. */
      readonly event: "ready";
      readonly workload: string;
      readonly spiffeId: string;
      /** host:port; null for a gateway. */
      readonly outbound: string | null;
      readonly inbound: string | null;
      readonly inbounds: Readonly<Record<string, string>>;
      readonly upstreams: Readonly<Record<string, string>>;
      /** Gateways: port → host:port. */
      readonly listeners?: Readonly<Record<string, string>>;
      readonly admin: string;
      readonly envoyPid: number;
    }
  | { readonly event: "listener"; readonly port: number; readonly address: string }
  | { readonly event: "restarted"; readonly name: string; readonly pid: number }
  | { readonly event: "warning"; readonly message: string }
  /** The session cannot go on. `exit` is what meshctl should exit with. */
  | { readonly event: "failed"; readonly message: string; readonly exit: number };

/** One workload as its agent sees it. */
export interface HostedWorkload {
  /** NAME.NS */
  readonly workload: string;
  readonly role: "sidecar" | "gateway";
  readonly state: "starting" | "serving" | "restarting" | "ending";
  /** Whether a client's stream is open; without one the workload ends after a grace. */
  readonly attended: boolean;
  readonly admin: string;
  readonly envoyPid: number | null;
  readonly envoyStarts: number;
  /** Of the certificate that the Envoy acknowledged last over SDS: lower-case hex. */
  readonly svidSerial: string | null;
}

export interface HostStatus {
  readonly host: string;
  readonly pid: number;
  /** Whether a node has attested this host since the agent started. */
  readonly attested: boolean;
  /** Why the mesh refuses this host for good, and what to do about it; absent: it does not. */
  readonly refused?: string;
  readonly workloads: readonly HostedWorkload[];
}
