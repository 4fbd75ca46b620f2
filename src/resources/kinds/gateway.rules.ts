/** What is asked of a Gateway beyond its fields. */
import { isDnsLabel } from "../../model/names.ts";
import type { GatewaySpec } from "./gateway.schema.ts";
import type { RuleContext } from "./kind.ts";
import { tellRootNamespace } from "./shared.rules.ts";

export function gatewayRules(spec: GatewaySpec, context: RuleContext): void {
  const { tell, name } = context;
  if (!isDnsLabel(name)) {
    tell(["metadata", "name"], "MSH1106", "a Gateway's name has no dots and at most 63 letters, digits and '-'");
  }
  const names = new Set<string>();
  const protocols = new Map<number, string>();
  for (const [index, { port, hosts }] of spec.servers.entries()) {
    const path = ["spec", "servers", index];
    if (names.has(port.name)) tell([...path, "port", "name"], "MSH1306", `a second port is named ${port.name}`);
    names.add(port.name);
    const protocol = port.protocol.toUpperCase();
    const earlier = protocols.get(port.number) ?? protocol;
    if (earlier !== protocol) {
      tell([...path, "port", "protocol"], "MSH1306", `port ${port.number} speaks ${earlier} in another server`);
    }
    protocols.set(port.number, earlier);
    for (const [at, host] of hosts.entries()) {
      const slash = host.indexOf("/");
      if (slash > 0) tellRootNamespace([...path, "hosts", at], host.slice(0, slash), context);
    }
  }
}
