/** A worker thread's entry: one task in, its result out. Started by pool.ts, as .ts from the sources or as built .js. */
import { systemRandom } from "../platform/random.ts";
import type { Task, TaskResult } from "./messages.ts";
import { runSignTask } from "./sign_task.ts";

export default function run(task: Task): TaskResult {
  switch (task.kind) {
    case "sign":
      return runSignTask(task, systemRandom);
  }
}
