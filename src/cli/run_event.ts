/** Reads one line of the agent's answer to a run request (model/run.ts). */
import type { RunEvent } from "../model/run.ts";
import { type Decode, integer, literal, object, record, text, union } from "../platform/decode.ts";

export type RunReady = Extract<RunEvent, { readonly event: "ready" }>;

const textOrNull: Decode<string | null> = (value, path) => (value === null ? null : text()(value, path));

const runEvent: Decode<RunEvent> = union("event", {
  ready: object(
    {
      event: literal("ready"),
      workload: text(),
      spiffeId: text(),
      outbound: textOrNull,
      inbound: textOrNull,
      inbounds: record(text()),
      upstreams: record(text()),
      admin: text(),
      envoyPid: integer(1),
    },
    { listeners: record(text()) },
  ),
  listener: object({ event: literal("listener"), port: integer(1, 65_535), address: text() }),
  restarted: object({ event: literal("restarted"), name: text(), pid: integer(1) }),
  warning: object({ event: literal("warning"), message: text() }),
  failed: object({ event: literal("failed"), message: text(), exit: integer(0, 255) }),
});

/** Throws when it is none; the message says what is wrong with it. */
export function parseRunEvent(line: string): RunEvent {
  return runEvent(JSON.parse(line), "event");
}
