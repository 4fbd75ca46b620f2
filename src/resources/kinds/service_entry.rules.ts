/** What is asked of a ServiceEntry beyond its fields. */
import { isIP } from "node:net";
import { isHttp, protocolFrom, protocolOfPortName } from "../../model/protocol.ts";
import { suggestion } from "../nearest.ts";
import { shown } from "../schema/format.ts";
import type { RuleContext } from "./kind.ts";
import { entryHost } from "./service_entry.model.ts";
import type { ServiceEntrySpec } from "./service_entry.schema.ts";
import { exportToRules, labelsRules } from "./shared.rules.ts";
import { identityRules } from "./workload_entry.rules.ts";

export function serviceEntryRules(spec: ServiceEntrySpec, context: RuleContext): void {
  exportToRules(spec.exportTo, context);
  hostRules(spec, context);
  portRules(spec, context);
  resolutionRules(spec, context);
  endpointRules(spec, context);
  if (spec.workloadSelector) labelsRules(spec.workloadSelector.labels, ["spec", "workloadSelector"], context);
}

function hostRules({ hosts }: ServiceEntrySpec, { tell }: RuleContext): void {
  const seen = new Set<string>();
  for (const [index, word] of hosts.entries()) {
    const host = entryHost(word);
    if (seen.has(host)) tell(["spec", "hosts", index], "MSH1302", `${host} stands here a second time`);
    seen.add(host);
  }
}

function portRules({ ports, resolution = "NONE" }: ServiceEntrySpec, { tell }: RuleContext): void {
  const names = new Set<string>();
  const numbers = new Set<number>();
  const byHost = resolution === "NONE" || resolution === "DYNAMIC_DNS";
  for (const [index, { name, number, protocol, targetPort }] of ports.entries()) {
    const path = ["spec", "ports", index];
    if (names.has(name)) tell([...path, "name"], "MSH1306", `a second port is named ${name}`);
    if (numbers.has(number)) tell([...path, "number"], "MSH1306", `a second port has the number ${number}`);
    names.add(name);
    numbers.add(number);
    const known = protocol === undefined ? protocolOfPortName(name) : protocolFrom(protocol);
    if (!known) tell([...path, "protocol"], "MSH1505", `${shown(protocol ?? "")} is no protocol that the mesh knows`);
    if (!byHost) continue;
    if (targetPort !== undefined) {
      const instead = "a request goes to the port that its Host names; name endpoints with STATIC or DNS";
      tell([...path, "targetPort"], "MSH1321", `has no meaning with ${resolution}: ${instead}`);
    }
    if (known && known !== "auto" && !isHttp(known)) {
      const why = `with ${resolution} only HTTP says where it wants to go`;
      tell([...path, "protocol"], "MSH1322", `nothing reaches ${name}: ${why}; give it endpoints, or resolution DNS`);
    }
  }
}

function resolutionRules(spec: ServiceEntrySpec, { tell }: RuleContext): void {
  const { hosts, resolution = "NONE", endpoints = [], addresses = [], workloadSelector, location } = spec;
  const refuse = (field: string, message: string) => tell(["spec", field], "MSH1321", message);
  const wildcard = hosts.find((host) => host.startsWith("*"));
  const named = endpoints.length > 0 || workloadSelector !== undefined;
  if (addresses.some((address) => address.includes("/")) && resolution !== "STATIC" && resolution !== "NONE") {
    refuse("addresses", `networks go with STATIC or NONE, not with ${resolution}; write single addresses`);
  }
  switch (resolution) {
    case "NONE":
      if (endpoints.length > 0) refuse("endpoints", "are not asked with NONE; write `resolution: STATIC` or DNS");
      return;
    case "STATIC":
      if (!named) tell(["spec"], "MSH1322", "no endpoint answers: requests get 503; add `endpoints`");
      return;
    case "DNS":
    case "DNS_ROUND_ROBIN":
      if (!named && wildcard !== undefined) {
        refuse("resolution", `DNS has no answer for ${wildcard}; name endpoints, or write DYNAMIC_DNS`);
      }
      if (resolution === "DNS_ROUND_ROBIN" && endpoints.length > 1) {
        refuse("endpoints", "DNS_ROUND_ROBIN takes one endpoint at most; write `resolution: DNS`");
      }
      return;
    case "DYNAMIC_DNS": {
      const exact = hosts.find((host) => !host.startsWith("*"));
      if (exact !== undefined) refuse("hosts", `DYNAMIC_DNS is for *.SUFFIX; for ${exact} write \`resolution: DNS\``);
      if (location === "MESH_INTERNAL") refuse("location", "DYNAMIC_DNS is for hosts outside of the mesh alone");
      if (named) tell(["spec", "endpoints"], "MSH1322", "are not asked with DYNAMIC_DNS; leave them out");
    }
  }
}

function endpointRules({ endpoints = [], ports, resolution }: ServiceEntrySpec, { tell }: RuleContext): void {
  const names = ports.map(({ name }) => name);
  for (const [index, endpoint] of endpoints.entries()) {
    const path = ["spec", "endpoints", index];
    identityRules(endpoint, path, { tell });
    for (const name of Object.keys(endpoint.ports ?? {})) {
      if (names.includes(name)) continue;
      tell([...path, "ports", name], "MSH1501", `there is no port ${shown(name)}${suggestion(name, names)}`);
    }
    if (resolution === "STATIC" && !isIP(endpoint.address)) {
      tell(
        [...path, "address"],
        "MSH1321",
        `${endpoint.address} is a name; with STATIC write an IP address, or use DNS`,
      );
    }
  }
}
