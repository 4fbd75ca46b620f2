/** What `meshctl dev` was asked for, checked: its own flags and the variables of the environment that it hands on. */
import type { OutboundTrafficPolicy } from "../../model/traffic.ts";
import { isLoopback } from "../../platform/free_ports.ts";
import type { Invocation } from "../command.ts";
import { CommandFailure, exit } from "../exit.ts";
import { readOutboundTrafficPolicy } from "../mesh_flags.ts";

export interface DevSettings {
  readonly demo: boolean;
  /** Of the control plane, each with a nats-server beside it when NATS is our own. */
  readonly nodes: 1 | 3;
  /** A directory or file to apply at every start. */
  readonly config: string | undefined;
  /** undefined: a nats-server of our own. */
  readonly nats: ExternalNats | undefined;
  readonly xdsPlaintext: HostPort | undefined;
  readonly outboundTrafficPolicy: OutboundTrafficPolicy;
  readonly svidLifetimeS: string | undefined;
  readonly hostLeaseS: string | undefined;
  readonly verbose: boolean;
}

export interface ExternalNats {
  /** Without the credentials. */
  readonly url: string;
  readonly user: string;
  readonly pass: string;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export function printHostPort({ host, port }: HostPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

type Environment = Readonly<Record<string, string | undefined>>;

export function settingsOf({ args, options }: Invocation, environment: Environment): DevSettings {
  if (args.length > 0) throw usage(`${args[0]}: dev takes no operand; see meshctl dev --help`);
  refuseManyClusters(options.text("clusters") ?? "1");
  const plaintext = options.text("xdsPlaintext");
  return {
    demo: options.flag("demo"),
    nodes: nodesOf(options.text("nodes") ?? "1"),
    config: options.text("config"),
    nats: natsOf(options.text("nats") ?? "embedded"),
    xdsPlaintext: plaintext === undefined ? undefined : loopbackAddress("--xds-plaintext", plaintext),
    outboundTrafficPolicy: readOutboundTrafficPolicy(options),
    svidLifetimeS: environment.WEFT_SVID_LIFETIME_S,
    hostLeaseS: environment.WEFT_HOST_LEASE_S,
    verbose: options.flag("verbose"),
  };
}

function nodesOf(given: string): 1 | 3 {
  if (given === "1") return 1;
  if (given === "3") return 3;
  throw usage(`--nodes ${given}: write 1 or 3; with two, the loss of either would stop all writes`);
}

function refuseManyClusters(given: string): void {
  if (!/^[1-9]\d{0,2}$/.test(given)) throw usage(`--clusters ${given}: write a number from 1`);
  if (given !== "1") throw usage(`--clusters ${given}: more than one comes later; this version runs one`);
}

function natsOf(given: string): ExternalNats | undefined {
  if (given === "embedded") return undefined;
  const url = URL.parse(given);
  if (url?.protocol !== "nats:" || url.hostname === "") {
    throw usage(`--nats ${redacted(given)}: write embedded, or nats://USER:PASSWORD@HOST:PORT`);
  }
  const [user, pass] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  return { url: `nats://${url.hostname}:${url.port || "4222"}`, user, pass };
}

function redacted(text: string): string {
  return text.replace(/\/\/[^@/]*@/, "//[redacted]@");
}

export function loopbackAddress(flag: string, text: string): HostPort {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-f:]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? "";
  const port = Number(digits);
  if (!(port >= 0 && port <= 65_535)) throw usage(`${flag} ${text}: write HOST:PORT, as in 127.0.0.1:15010`);
  if (host === "localhost" || isLoopback(host)) return { host, port };
  throw usage(`${flag} ${text}: it proves nobody's identity, so it listens on loopback only, as in 127.0.0.1:${port}`);
}

function usage(message: string): CommandFailure {
  return new CommandFailure(exit.usage, message);
}
