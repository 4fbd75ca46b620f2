// A reporter for Node's test runner that writes one JSON object a line for each test, for run_file.mjs to read.

import { inspect } from "node:util";

export default async function* report(source) {
  const path = [];
  for await (const { type, data } of source) {
    if (type === "test:start") path[data.nesting] = data.name;
    if ((type !== "test:pass" && type !== "test:fail") || data.details.type === "suite") continue;
    if (data.details.error?.failureType === "subtestsFailed") continue; // what failed inside is reported by itself
    const name = [...path.slice(0, data.nesting), data.name].join(" › ");
    const outcome =
      data.skip !== undefined || data.todo !== undefined ? "skipped" : type === "test:pass" ? "passed" : "failed";
    yield `${JSON.stringify({ name, outcome, text: outcome === "failed" ? textOf(data.details.error) : undefined })}\n`;
  }
}

/** The runner wraps what a test threw; the wrapper says nothing that the name does not. */
function textOf(error) {
  const thrown = error?.cause ?? error;
  if (!(thrown instanceof Error)) return inspect(thrown ?? "failed");
  const text = thrown.code === "ERR_ASSERTION" ? thrown.stack : inspect(thrown, { depth: 6 });
  return text.replaceAll(/^ +at .*\bnode:internal\/.*\n?/gm, "").trimEnd();
}
