/**
 * What a service's owner makes of hosts that cannot reach one of its endpoints. One host's word may be its own fault:
 * two that say so within limits.verdictWindowMs make a verdict. It ends by itself, and lasts longer each time it comes
 * again; a host that reaches the endpoint ends it at once. Verdicts never take more than half of a service's endpoints,
 * here by what the caller counted, and exactly in compile (compile/withholding.ts), where the record is read. Pure.
 *
 *   reached ──two hosts cannot──▶ unreachable ──its time is up · a host can──▶ remembered ──long enough──▶ forgotten
 */
import { boolean, type Decoded, integer, list, object, text } from "../../platform/decode.ts";
import { limits } from "../../platform/limits.ts";

/** As Envoy prints it: ip:port, [ip6]:port. */
const endpoint = text(64);
const observer = text(253);

export const decodeReports = list(object({ endpoint, observer, atMs: integer(0) }), limits.verdictReports);
/** `active` false: it is over, and only remembered. */
export const decodeVerdicts = list(
  object({ endpoint, active: boolean, untilMs: integer(0), strikes: integer(1) }),
  limits.verdictsPerService,
);

export const observation = {
  /** The host whose proxies say so. */
  observer,
  unreachable: list(endpoint, limits.verdictsPerService),
  reached: list(endpoint, limits.verdictsPerService),
  /** How many the service has. */
  endpoints: integer(0),
};

const decodeObservation = object(observation);
export type Observation = Decoded<typeof decodeObservation>;
export type Report = Decoded<typeof decodeReports>[number];
export type Verdict = Decoded<typeof decodeVerdicts>[number];

export interface Judgement {
  readonly reports: readonly Report[];
  readonly verdicts: readonly Verdict[];
}

/** The same object as before: it changes nothing. */
export function observed(before: Judgement, said: Observation, nowMs: number): Judgement {
  let judgement = before;
  for (const one of said.reached) judgement = reached(judgement, one, said.observer);
  for (const one of said.unreachable) judgement = unreachable(judgement, one, { ...said, nowMs });
  return judgement;
}

/** Ends what is over. */
export function expired(before: Judgement, nowMs: number): Judgement {
  const reports = before.reports.filter((report) => isFresh(report, nowMs));
  const verdicts = before.verdicts
    .filter((verdict) => nowMs < forgottenAtMs(verdict))
    .map((verdict) => (verdict.active && nowMs >= verdict.untilMs ? { ...verdict, active: false } : verdict));
  const isSame =
    reports.length === before.reports.length &&
    verdicts.length === before.verdicts.length &&
    verdicts.every((verdict, at) => verdict === before.verdicts[at]);
  return isSame ? before : { reports, verdicts };
}

export function nextEndMs({ verdicts }: Judgement): number | undefined {
  const ends = verdicts.map((verdict) => (verdict.active ? verdict.untilMs : forgottenAtMs(verdict)));
  return ends.length > 0 ? Math.min(...ends) : undefined;
}

function reached(judgement: Judgement, endpoint: string, observer: string): Judgement {
  const { reports, verdicts } = judgement;
  const left = reports.filter((report) => report.endpoint !== endpoint || report.observer !== observer);
  const isActive = verdicts.some((verdict) => verdict.endpoint === endpoint && verdict.active);
  if (left.length === reports.length && !isActive) return judgement;
  const ended = verdicts.map((verdict) => (verdict.endpoint === endpoint ? { ...verdict, active: false } : verdict));
  return { reports: left, verdicts: isActive ? ended : verdicts };
}

interface Said {
  readonly observer: string;
  readonly endpoints: number;
  readonly nowMs: number;
}

function unreachable(judgement: Judgement, endpoint: string, { observer, endpoints, nowMs }: Said): Judgement {
  const known = judgement.verdicts.find((verdict) => verdict.endpoint === endpoint);
  if (known?.active) return judgement;
  const fresh = judgement.reports.filter((report) => isFresh(report, nowMs));
  if (fresh.some((report) => report.endpoint === endpoint && report.observer === observer)) return judgement;
  const others = fresh.filter((report) => report.endpoint === endpoint);
  if (others.length + 1 < limits.verdictObservers) {
    const reports = [...fresh, { endpoint, observer, atMs: nowMs }].slice(-limits.verdictReports);
    return { ...judgement, reports };
  }
  const rest = judgement.verdicts.filter((verdict) => verdict !== known);
  const active = rest.filter((verdict) => verdict.active).length;
  const isFull = rest.length >= limits.verdictsPerService;
  if (isFull || active + 1 > endpoints / 2) return judgement;
  const strikes = (known?.strikes ?? 0) + 1;
  const lastsMs = Math.min(limits.verdictMs * 2 ** (strikes - 1), limits.verdictLongestMs);
  const verdict = { endpoint, active: true, untilMs: nowMs + lastsMs, strikes };
  const verdicts = [...rest, verdict].sort((a, b) => (a.endpoint < b.endpoint ? -1 : 1));
  return { reports: fresh.filter((report) => report.endpoint !== endpoint), verdicts };
}

function isFresh({ atMs }: Report, nowMs: number): boolean {
  return nowMs - atMs < limits.verdictWindowMs;
}

function forgottenAtMs({ untilMs }: Verdict): number {
  return untilMs + limits.verdictLongestMs;
}
