/** What is asked of a PeerAuthentication beyond its fields. */
import type { RuleContext } from "./kind.ts";
import type { PeerAuthenticationSpec } from "./peer_authentication.schema.ts";
import { selectorRules } from "./shared.rules.ts";

export function peerAuthenticationRules(spec: PeerAuthenticationSpec, context: RuleContext): void {
  selectorRules(spec.selector, context);
  const selected = Object.keys(spec.selector?.matchLabels ?? {}).length > 0;
  if (spec.portLevelMtls && !selected) {
    const message = "needs a selector with labels: ports are of workloads, not of a namespace";
    context.tell(["spec", "portLevelMtls"], "MSH1307", message);
  }
}
