/** A Workload document → the model, with addresses filled in so that a short document is enough. */
import { hostFrom, isDnsLabel, namespaceFrom, type ServiceRef } from "../../model/names.ts";
import { protocolOfPortName } from "../../model/protocol.ts";
import type { InboundPort, LocalAddress, Upstream, Workload } from "../../model/workload.ts";
import { localityOf } from "../endpoints/parse.ts";
import type { RegisteredDocument } from "../parse.ts";
import { listenAddressOf } from "../schema/host_format.ts";
import { validate } from "../validate.ts";
import { type WorkloadSpec, workloadSchema } from "./workload.schema.ts";

const loopback = "127.0.0.1";
const firstInbound = 15_006;
const outboundPort = 15_001;
const gatewayListeners = { 80: `${loopback}:15080`, 443: `${loopback}:15443` };

/** undefined: something is wrong, and told. */
export function workloadOf({ metadata, spec: node, tell }: RegisteredDocument): Workload | undefined {
  const spec = validate(workloadSchema, node, { path: ["spec"], tell });
  const { name, namespace } = metadata;
  if (!isDnsLabel(name)) {
    tell(["metadata", "name"], "MSH1106", "a workload's name has no dots and at most 63 letters, digits and '-'");
    return undefined;
  }
  if (!spec) return undefined;
  const base = {
    name,
    namespace,
    serviceAccount: spec.serviceAccount ?? "default",
    locality: localityOf(spec.locality),
    network: spec.network ?? "",
    host: spec.host ?? "offline",
  };
  const given = { ...metadata.labels, ...spec.labels };
  if (spec.role === "gateway") {
    const listeners = Object.entries(spec.listeners ?? gatewayListeners).map(
      ([port, at]) => [port, address(at)] as const,
    );
    const labels = Object.keys(given).length > 0 ? given : { istio: "ingressgateway" };
    return {
      ...base,
      role: "gateway",
      labels,
      eastWest: spec.eastWest ?? false,
      listeners: Object.fromEntries(listeners),
    };
  }
  if (spec.service === undefined) {
    tell(["spec", "service"], "MSH1204", "is missing: a sidecar is of a service");
    return undefined;
  }
  const service = serviceOf(spec.service, metadata.namespace);
  return {
    ...base,
    role: "sidecar",
    labels: { app: service.name, ...given },
    service,
    inbound: inboundOf(spec.ports),
    outbound: spec.outbound === undefined ? { address: loopback, port: outboundPort } : address(spec.outbound),
    upstreams: (spec.upstreams ?? []).map((upstream) => upstreamOf(upstream, metadata.namespace)),
  };
}

function upstreamOf(
  spec: NonNullable<WorkloadSpec["upstreams"]>[number],
  namespace: ServiceRef["namespace"],
): Upstream {
  const at = { port: spec.port, listen: address(spec.listen) };
  const host = spec.host === undefined ? undefined : hostFrom(spec.host);
  return host === undefined ? { ...at, service: serviceOf(spec.service ?? "", namespace) } : { ...at, host };
}

function inboundOf(ports: WorkloadSpec["ports"]): readonly InboundPort[] {
  return (ports ?? []).map(({ name, port, appPort, listen }, index) => ({
    name,
    port,
    appPort: appPort ?? port,
    protocol: protocolOfPortName(name),
    listen: listen === undefined ? { address: loopback, port: firstInbound + index } : address(listen),
  }));
}

/** NAME or NAME.NAMESPACE, as its schema has checked. */
function serviceOf(word: string, otherwise: ServiceRef["namespace"]): ServiceRef {
  const [name = "", namespace] = word.split(".");
  return { name, namespace: (namespace === undefined ? undefined : namespaceFrom(namespace)) ?? otherwise };
}

/** Of text that its schema has checked. */
function address(text: string): LocalAddress {
  return listenAddressOf(text) ?? { address: loopback, port: outboundPort };
}
