/**
 * Where nodes serve xDS, as the EDS file that every Envoy of the host watches. It is replaced by a rename, which is what
 * Envoy's file subscription looks for. Its directory holds nothing else.
 */
import { createHash } from "node:crypto";
import type { StateDirectory } from "../../platform/state_directory.ts";
import { xdsCluster } from "./bootstrap.ts";

const directory = "nodes";
const file = `${directory}/xds.json`;

export function discoveryResponse(addresses: readonly string[]): string {
  const assignment = {
    "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
    cluster_name: xdsCluster,
    endpoints: [{ lb_endpoints: addresses.map(lbEndpoint) }],
  };
  const version = createHash("sha256").update(JSON.stringify(assignment)).digest("hex").slice(0, 32);
  return JSON.stringify({ version_info: version, resources: [assignment] });
}

function lbEndpoint(hostPort: string) {
  const { hostname, port } = new URL(`https://${hostPort}`);
  const address = hostname.replace(/^\[|\]$/g, "");
  // URL leaves out its scheme's own port.
  return { endpoint: { address: { socket_address: { address, port_value: port === "" ? 443 : Number(port) } } } };
}

export function writeXdsAddresses(state: StateDirectory, addresses: readonly string[]): void {
  const text = discoveryResponse(addresses);
  if (state.read(file) !== text) state.write(file, text, 0o644);
}

export function xdsAddressesIn(state: StateDirectory): { readonly path: string; readonly directory: string } {
  return { path: state.path(file), directory: state.path(directory) };
}
