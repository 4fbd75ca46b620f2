/** A mesh that is in files alone: what one applies and, as documents, the workloads and services. For compile and why. */
import { defaultNamespace, namespaceFrom } from "../model/names.ts";
import { isError, printProblem } from "../model/problem.ts";
import { nameOfWorkload, type Workload } from "../model/workload.ts";
import { type Offline, parseOffline } from "../resources/offline/parse.ts";
import type { CliContext } from "./command.ts";
import { CommandFailure, exit } from "./exit.ts";
import { readFiles } from "./files.ts";
import type { OptionReader } from "./options.ts";

/** The files that -f names. What is wrong in them is said, and ends the command. */
export async function parseFiles(context: CliContext, options: OptionReader): Promise<Offline> {
  const files = await readFiles(context, options);
  const sources = files.map(({ name, text }) => ({ file: name, text }));
  const parsed = parseOffline(sources, { namespace: namespaceFrom(context.globals.namespace) ?? defaultNamespace });
  for (const problem of parsed.problems) context.say(printProblem(problem));
  if (parsed.problems.some(isError)) throw new CommandFailure(exit.badInput, "");
  return parsed;
}

/** @param proxy NAME.NS */
export function workloadNamed(workloads: readonly Workload[], proxy: string): Workload {
  const found = workloads.find((workload) => nameOfWorkload(workload) === proxy);
  if (found) return found;
  const known = workloads.map(nameOfWorkload);
  const next =
    known.length > 0
      ? `there is ${known.join(", ")}`
      : "they need a Workload document of it; `meshctl get workloads,services -A -o yaml` prints a running mesh's";
  throw new CommandFailure(exit.failed, `no workload ${proxy} in the files; ${next}`);
}
