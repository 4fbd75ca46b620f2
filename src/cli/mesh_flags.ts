/** Flags for settings of the whole mesh, which `dev` gives its nodes and `compile` takes as given. */

import type { Command } from "commander";
import { Option } from "commander";
import { type OutboundTrafficPolicy, outboundTrafficPolicies, outboundTrafficPolicyFrom } from "../model/traffic.ts";
import { CommandFailure, exit } from "./exit.ts";
import type { OptionReader } from "./options.ts";

const flag = "--outbound-traffic-policy";
const words = outboundTrafficPolicies.join(" or ");

/** Istio's meshConfig.outboundTrafficPolicy.mode. */
export function addOutboundTrafficPolicy(command: Command): Command {
  const meaning = "a host that the mesh does not know: forwarded by DNS, or 502";
  return command.addOption(new Option(`${flag} <mode>`, `${meaning}; ${words}`).default("ALLOW_ANY"));
}

export function readOutboundTrafficPolicy(options: OptionReader): OutboundTrafficPolicy {
  const word = options.text("outboundTrafficPolicy") ?? "ALLOW_ANY";
  const policy = outboundTrafficPolicyFrom(word);
  if (policy) return policy;
  throw new CommandFailure(exit.usage, `${flag} ${word}: write ${words}`);
}
