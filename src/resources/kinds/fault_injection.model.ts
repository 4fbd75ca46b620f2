/** FaultInjection → model. */
import type { FaultInjection } from "../../model/plain_words.ts";
import type { FaultInjectionSpec } from "./fault_injection.schema.ts";
import { milliseconds, type Owner, serviceNamed } from "./shared.model.ts";

/** Who writes an error in plain words means it: unlike in a VirtualService, unless a share is said. */
const everything = 100;

export function toFaultInjection({ service, delay, abort }: FaultInjectionSpec, owner: Owner): FaultInjection {
  return {
    ...owner,
    service: serviceNamed(service, owner),
    fault: {
      ...(delay ? { delay: { ms: milliseconds(delay.duration), percent: delay.percentage ?? everything } } : {}),
      ...(abort ? { abort: { status: abort.http_status, percent: abort.percentage ?? everything } } : {}),
    },
  };
}
