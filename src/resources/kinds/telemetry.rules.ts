/** What is asked of a Telemetry beyond its fields. */
import { rootNamespace } from "../../model/names.ts";
import type { RuleContext } from "./kind.ts";
import { selectorRules } from "./shared.rules.ts";
import type { TelemetrySpec } from "./telemetry.schema.ts";

export function telemetryRules({ selector }: TelemetrySpec, context: RuleContext): void {
  selectorRules(selector, context);
  const selected = Object.keys(selector?.matchLabels ?? {}).length > 0;
  if (!selected || context.namespace !== rootNamespace) return;
  const message = `${rootNamespace} speaks for the whole mesh; put the object into the namespace of the workloads`;
  context.tell(["spec", "selector"], "MSH1335", message);
}
