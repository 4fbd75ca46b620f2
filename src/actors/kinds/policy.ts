/**
 * A declared object's owner, where proxies have a say in it (its id is the object's record key): which version of it they
 * refuse. One host's word may be its own fault; when proxies of two hosts refuse what a version made of their
 * configuration, that version is quarantined: every node gives its compiler the form before it (meshd/brake/quarantine.ts),
 * until the object is written again, or an operator lets it go.
 *
 *   taken ──a host refuses──▶ doubted ──another does, within limits.refusalWindowMs──▶ quarantined
 *     ▲──────────────────────────── a newer version ──────────────────────────────────────┘
 *
 * It decides nothing about what the object says, and stands on no way from its writer to the proxies.
 */
import { decodeMark, isAfter, isSameMark, type Mark } from "../../model/mark.ts";
import { type Decoded, integer, list, literal, object, text, union } from "../../platform/decode.ts";
import { limits } from "../../platform/limits.ts";
import { policyRecord } from "../../store/keys.ts";
import type { RecordKey } from "../../store/store.ts";
import type { ActorKind, Turn, TurnContext } from "../runtime/kind.ts";
import { emptyHands } from "../runtime/kind.ts";

const host = text(253);
const words = { resource: text(1_024), because: text(1_024) };

const decodeState = object(
  {
    format: literal(1),
    refusals: list(object({ host, version: decodeMark, atMs: integer(0) }), limits.refusalsRemembered),
  },
  {
    quarantine: object({
      version: decodeMark,
      hosts: list(host, limits.refusalsRemembered),
      sinceMs: integer(0),
      ...words,
    }),
  },
);

export type PolicyState = Decoded<typeof decodeState>;
export type Quarantined = NonNullable<PolicyState["quarantine"]>;
/** Which version of the object: where its record stands. */
export type ObjectVersion = Mark;

const decodeRequest = union("type", {
  /** A proxy of that host refuses a resource that came to be with that version. */
  refused: object({ host, version: decodeMark, ...words }),
});

export type PolicyRequest = Decoded<typeof decodeRequest>;

const decodeReply = object({});

export interface PolicyTypes {
  readonly State: PolicyState;
  readonly Request: PolicyRequest;
  readonly Message: PolicyRequest;
  readonly Reply: Decoded<typeof decodeReply>;
  readonly Effect: never;
}

function decide(state: PolicyState, said: PolicyRequest, { nowMs }: TurnContext): Turn<PolicyTypes> {
  const unchanged = { state, reply: {}, mayBeStale: true };
  const { quarantine } = state;
  if (quarantine && !isAfter(said.version, quarantine.version)) return unchanged;
  const fresh = state.refusals.filter(
    (one) => isSameMark(one.version, said.version) && nowMs - one.atMs < limits.refusalWindowMs,
  );
  if (fresh.some((one) => one.host === said.host)) return unchanged;
  // Told late of a version that is not the newest one that is refused.
  if (state.refusals.some((one) => isAfter(one.version, said.version))) return unchanged;
  const hosts = [...fresh.map((one) => one.host), said.host];
  if (hosts.length < limits.refusalHosts) {
    const refusals = [...fresh, { host: said.host, version: said.version, atMs: nowMs }];
    return { state: { ...state, refusals }, reply: {} };
  }
  const { resource, because } = said;
  const found: Quarantined = { version: said.version, hosts, sinceMs: nowMs, resource, because };
  return { state: { format: 1, refusals: [], quarantine: found }, reply: {} };
}

export const policy: ActorKind<PolicyTypes> = {
  kind: "policy",
  runs: "on-demand",
  record: (id) => policyRecord(id as RecordKey),
  initial: () => ({ format: 1, refusals: [] }),
  decodeState,
  decodeRequest,
  decodeReply,
  dueAtMs: () => undefined,
  decide,
};

export const policyHands = emptyHands<PolicyTypes>((request) => request);
