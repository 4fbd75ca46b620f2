/** Telemetry → model. */
import type { Telemetry, TrafficSide } from "../../model/telemetry.ts";
import { type Owner, selectorOf } from "./shared.model.ts";
import type { TelemetrySpec } from "./telemetry.schema.ts";

type ModeSpec = NonNullable<NonNullable<NonNullable<TelemetrySpec["accessLogging"]>[number]["match"]>["mode"]>;

const sides: Readonly<Record<ModeSpec, readonly TrafficSide[]>> = {
  CLIENT_AND_SERVER: ["client", "server"],
  CLIENT: ["client"],
  SERVER: ["server"],
};

export function toTelemetry({ selector, accessLogging = [] }: TelemetrySpec, owner: Owner): Telemetry {
  return {
    ...owner,
    ...selectorOf(selector),
    accessLogging: accessLogging.map(({ match, disabled }) => ({
      sides: sides[match?.mode ?? "CLIENT_AND_SERVER"],
      ...(disabled === undefined ? {} : { disabled }),
    })),
  };
}
