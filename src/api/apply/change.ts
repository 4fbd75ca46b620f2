/**
 * Applies or deletes objects: admission, then one atomic append with its log entry. Called by the routes; a dry run
 * does all but the append.
 */
import type { Problem } from "../../model/problem.ts";
import { isError } from "../../model/problem.ts";
import type { Clock } from "../../platform/clock.ts";
import { limits } from "../../platform/limits.ts";
import type { Known } from "../../resources/analyze.ts";
import { type CallersOperation, type CommitPorts, catchUp, commit, type PlannedWrites } from "../commit.ts";
import type { Admission } from "../ports.ts";
import { ApiRefusal, invalidInput } from "../problem_details.ts";
import { printPosition } from "../revision.ts";
import type { ChangePlan } from "./plan.ts";
import type { Documents } from "./read_documents.ts";

export interface ChangePorts extends CommitPorts {
  readonly admission: Admission;
  readonly clock: Clock;
}

export interface ChangeRequest<Result> {
  readonly what: "apply" | "delete";
  readonly who: string;
  readonly dryRun: boolean;
  /** Of how many objects; above the limit nothing is done. */
  readonly objects: number;
  readonly plan: () => ChangePlan<Result>;
  /** The caller's own, see idempotency.ts. */
  readonly operation?: CallersOperation<readonly Result[]> | undefined;
  /** Of an apply: what was read. */
  readonly documents?: Pick<Documents, "placed" | "judge">;
}

export interface Changed<Result> {
  readonly revision: string;
  readonly results: readonly Result[];
  readonly warnings: readonly Problem[];
}

export async function changeObjects<Result>(
  ports: ChangePorts,
  request: ChangeRequest<Result>,
  signal: AbortSignal,
): Promise<Changed<Result>> {
  if (request.objects > limits.applyDocuments) {
    const most = limits.applyDocuments;
    throw new ApiRefusal(
      "too-large",
      `${request.objects} documents; at most ${most} go into one ${request.what}, split it`,
    );
  }
  const plan = async (): Promise<PlannedWrites<Omit<Changed<Result>, "revision">>> => {
    const planned = request.plan();
    const warnings = await admit(ports, request, planned);
    const result = { results: planned.results, warnings };
    const nothing = request.dryRun || planned.writes.length === 0;
    return { result, appends: nothing ? [] : [{ writes: planned.writes, log: logOf(ports, request, planned) }] };
  };
  if (request.dryRun) {
    await catchUp(ports, "records", signal);
    const { result } = await plan();
    return { revision: printPosition(ports.store, "records", ports.mirror.position().records), ...result };
  }
  const operation = request.operation && {
    ...request.operation,
    again: () => ({ results: request.operation?.again() ?? [], warnings: [] }),
  };
  const committed = commit(ports, { stream: "records", freshness: "catch-up", plan, operation, signal });
  const { result, sequence } = await committed;
  return { revision: printPosition(ports.store, "records", sequence), ...result };
}

/** What is odd, beside the mesh as this node knows it; what would not compile refuses the change. */
async function admit<Result>(
  ports: ChangePorts,
  { documents }: ChangeRequest<Result>,
  { set, remove }: ChangePlan<Result>,
): Promise<readonly Problem[]> {
  const found = documents?.judge(meshOf(ports)) ?? [];
  const changes = set.length > 0 || remove.length > 0;
  const compiled = changes ? await ports.admission.check({ set, remove }) : [];
  const problems = [...found, ...(documents?.placed(compiled) ?? compiled)];
  if (problems.some(isError)) throw invalidInput(problems);
  return problems;
}

function meshOf({ mirror, clock }: ChangePorts): Known {
  return {
    resources: Array.from(mirror.objects(), ({ value }) => value),
    services: Array.from(mirror.shards(), ({ value }) => value.service),
    workloads: Array.from(mirror.workloads(), ({ value }) => value),
    nowMs: clock.nowMs(),
  };
}

function logOf<Result>(ports: ChangePorts, { who, what }: ChangeRequest<Result>, { changes }: ChangePlan<Result>) {
  return { who, what, atMs: ports.clock.nowMs(), changes };
}
