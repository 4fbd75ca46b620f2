/**
 * The sessions of the mesh's hosts: which of them have gone silent for so long that their endpoints are withheld. One
 * actor holds all of it in one record: a host that goes costs one write, however many services it has, hosts that go
 * together cost one, and whether too many go together is decided on one state, not on as many copies as there are
 * hosts.
 *
 *   speaking ──no node hears it for lease and grace──▶ withheld ──ten minutes on──▶ settled
 *      ▲────────────────────── any node hears it ─────────┴───────────────────────────┘
 *
 * A host's shards stay as their writer left them. Compile reads this record beside them and leaves a silent host's
 * endpoints out, but never the last ones (compile/withholding.ts), so nothing has to be written again when it returns.
 *
 * WHEN NOTHING IS WITHHELD. Silence of many is more likely to be our own deafness: nobody is withheld while no host at
 * all speaks, or more than half of them (and at least limits.hostsTogetherLeast) are silent or were withheld lately.
 * Silence counts only as far as the nodes listened without a gap (host_silence.ts), so after an outage of a node, of
 * NATS or of everything each host has its whole lease and grace again. What was withheld before that stays so until it
 * is heard. A settled host is one that is gone: it counts for nothing any more, so that machines which are replaced one
 * by one under new names do not add up to a mass.
 *
 * Called by meshd/hosts/host_watch.ts, which looks at what this node hears, and tells at once when a withheld host
 * speaks.
 */
import { boolean, type Decoded, integer, list, literal, object, text, union } from "../../platform/decode.ts";
import { limits } from "../../platform/limits.ts";
import { hostSessionsRecord } from "../../store/keys.ts";
import type { ActorKind, Hands, Turn } from "../runtime/kind.ts";
import { type HostSigns, silenceIn } from "./host_silence.ts";

const hostName = text(253);

const decodeState = object({
  format: literal(1),
  /** By name. `sinceMs`: when it was withheld. */
  withheld: list(object({ host: hostName, sinceMs: integer(0), settled: boolean }), limits.hostsWithheld),
});

export type HostSessionsState = Decoded<typeof decodeState>;
export type WithheldHost = HostSessionsState["withheld"][number];

const decodeRequest = union("type", {
  /** Looks at all hosts: withholds, settles, and takes back those that speak. */
  look: object({}),
  /** These were heard just now. */
  spoke: object({ hosts: list(hostName, limits.hostsWithheld) }),
});

export type HostSessionsRequest = Decoded<typeof decodeRequest>;

export type HostSessionsMessage =
  | { readonly type: "look"; readonly signs: HostSigns }
  | { readonly type: "spoke"; readonly hosts: readonly string[] };

const decodeReply = object(
  {},
  {
    /** Nobody was withheld, because so many are silent together. */
    guarded: object({ silent: integer(0), hosts: integer(0) }),
  },
);

export interface HostSessionsTypes {
  readonly State: HostSessionsState;
  readonly Request: HostSessionsRequest;
  readonly Message: HostSessionsMessage;
  readonly Reply: Decoded<typeof decodeReply>;
  readonly Effect: never;
}

/** Whether so many of `all` go together that it says more about us than about them. */
function isMass(silent: number, all: number): boolean {
  if (silent >= all) return true;
  return silent >= limits.hostsTogetherLeast && silent > all * limits.hostsTogetherShare;
}

function look(state: HostSessionsState, signs: HostSigns, leaseMs: number, nowMs: number): Turn<HostSessionsTypes> {
  const silence = silenceIn(signs, leaseMs);
  if (!silence) return { state, reply: {}, mayBeStale: true };
  const { heard, silent, due } = silence;
  const present = new Set(signs.hosts);
  const kept = state.withheld
    .filter(({ host }) => present.has(host) && !heard.has(host))
    .map((one) => (!one.settled && due.has(one.host) && nowMs >= settlesAtMs(one) ? { ...one, settled: true } : one));
  const known = new Set(kept.map(({ host }) => host));
  const wanted = [...due].filter((host) => !known.has(host));
  const settled = kept.filter((one) => one.settled).length;
  const hosts = present.size - settled;
  const missing = new Set([...silent, ...known]).size - settled;
  const guarded = wanted.length > 0 && isMass(missing, hosts);
  const added = guarded ? [] : wanted.map((host) => ({ host, sinceMs: nowMs, settled: false }));
  const withheld = [...kept, ...added.slice(0, limits.hostsWithheld - kept.length)].sort(byName);
  const reply = guarded ? { guarded: { silent: missing, hosts } } : {};
  if (sameHosts(withheld, state.withheld)) return { state, reply, mayBeStale: true };
  return { state: { ...state, withheld }, reply };
}

function spoke(state: HostSessionsState, hosts: readonly string[]): Turn<HostSessionsTypes> {
  const withheld = state.withheld.filter(({ host }) => !hosts.includes(host));
  if (withheld.length === state.withheld.length) return { state, reply: {} };
  return { state: { ...state, withheld }, reply: {} };
}

function settlesAtMs({ sinceMs }: WithheldHost): number {
  return sinceMs + limits.hostsTogetherMs;
}

const byName = (a: WithheldHost, b: WithheldHost): number => (a.host < b.host ? -1 : 1);

function sameHosts(a: readonly WithheldHost[], b: readonly WithheldHost[]): boolean {
  return (
    a.length === b.length && a.every(({ host, settled }, at) => host === b[at]?.host && settled === b[at]?.settled)
  );
}

/** @param leaseMs how long a host's agent may be silent; its grace is limits.hostGraceLeases of it. */
export function hostSessions(leaseMs: number): ActorKind<HostSessionsTypes> {
  return {
    kind: "host-sessions",
    runs: "on-demand",
    record: hostSessionsRecord,
    initial: () => ({ format: 1, withheld: [] }),
    decodeState,
    decodeRequest,
    decodeReply,
    dueAtMs({ withheld }) {
      const open = withheld.filter(({ settled }) => !settled).map(settlesAtMs);
      return open.length > 0 ? Math.min(...open) : undefined;
    },
    wake: { type: "look" },
    decide: (state, message, { nowMs }) =>
      message.type === "look" ? look(state, message.signs, leaseMs, nowMs) : spoke(state, message.hosts),
  };
}

/** @param signs what all nodes have heard of these hosts, and of those that this node takes for silent. */
export function hostSessionsHands(
  signs: (withheld: readonly string[]) => Promise<HostSigns>,
): Hands<HostSessionsTypes> {
  return {
    prepare: async ({ withheld }, request) =>
      request.type === "look" ? { type: "look", signs: await signs(withheld.map(({ host }) => host)) } : request,
    perform: async (effect: never) => effect,
  };
}

/** The one actor there is of the kind. */
export const allHosts = "all";
