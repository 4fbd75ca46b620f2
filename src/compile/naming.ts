/** Names that items are found by, here and in everything that reads Envoy's statistics. Changing one breaks readers. */
import type { Host } from "../model/names.ts";
import type { LocalAddress } from "../model/workload.ts";

/** outbound|PORT|SUBSET|HOST, of a cluster and of its endpoints. */
export function outboundCluster(port: number, subset: string, host: Host): string {
  return `outbound|${port}|${subset}|${host}`;
}

/** The TLS server name of that cluster: what an east-west gateway can route by. */
export function outboundServerName(port: number, subset: string, host: Host): string {
  return `outbound_.${port}_.${subset}_.${host}`;
}

/** inbound|APP_PORT|VARIANT| of the application beside the proxy. */
export function inboundCluster(appPort: number, variant: string): string {
  return `inbound|${appPort}|${variant}|`;
}

/** Of a route table. @param port "*": every other one */
export function virtualHostName(host: string, port: number | "*"): string {
  return `${host}:${port}`;
}

/** The inverse; undefined: it is that of everybody else's hosts. */
export function partsOfVirtualHost(name: string): { readonly host: Host; readonly port: number | "*" } | undefined {
  const colon = name.lastIndexOf(":");
  if (colon < 0) return undefined;
  const port = name.slice(colon + 1);
  return { host: name.slice(0, colon) as Host, port: port === "*" ? port : Number(port) };
}

/** The inverse of `outboundCluster`; undefined: another cluster's name. */
export function partsOfOutbound(
  name: string,
): { readonly port: number; readonly subset: string; readonly host: Host } | undefined {
  const [way, port, subset = "", host] = name.split("|");
  return way === "outbound" && host !== undefined ? { port: Number(port), subset, host: host as Host } : undefined;
}

/** The virtual host of hosts that are nobody's. */
export const otherHostsName = "other";

export const dnsCluster = "dynamic-forward-proxy";
/** The HTTP way out: the listener, its statistics, and the route table of a namespace. */
export const outboundName = "outbound";

/** By the service's PORT, which is unique in a workload. */
export const inboundListener = (port: number): string => `inbound_${port}`;
export const inboundRoutes = (port: number): string => `inbound_${port}`;
export const gatewayName = (port: number): string => `gateway_${port}`;
/** Of one HTTPS server, whose port has others. */
export const gatewayServerRoutes = (port: number, gateway: string, portName: string): string =>
  `gateway_${port}|${gateway}|${portName}`;
export const upstreamListener = ({ address, port }: LocalAddress): string => `upstream_${address}_${port}`;
export const upstreamStatistics = (port: number): string => `upstream_${port}`;
