/** meshctl explain KIND[.FIELD…]: the schema's own words. */
import { explainSchema } from "../../resources/explain.ts";
import { isObjectKind, kindFrom, kindWords } from "../../resources/kinds/catalog.ts";
import { suggestion } from "../../resources/nearest.ts";
import type { CliContext, CommandModule, Invocation } from "../command.ts";
import { CommandFailure, type ExitStatus, exit } from "../exit.ts";

export const command: CommandModule = {
  define: (command) => void command.argument("<kind>", "KIND or KIND.FIELD: vs.http.retries"),

  async run(context: CliContext, { args }: Invocation): Promise<ExitStatus> {
    const { word, kind, path } = readPath(args[0] ?? "");
    if (!kind) throw new CommandFailure(exit.usage, `${word}: no such kind${suggestion(word, kindWords())}`);
    if (!isObjectKind(kind)) {
      throw new CommandFailure(exit.usage, `a ${kind.toLowerCase()} is not written by hand; see meshctl run --help`);
    }
    const explanation = explainSchema(kind, path);
    if (explanation.kind === "unknown") throw new CommandFailure(exit.usage, explanation.message);
    context.out(explanation.text);
    return exit.good;
  },
};

/** KIND, or KIND.GROUP, and the fields after it. */
function readPath(text: string) {
  const steps = text.split(".");
  const [word = "", area, domain, top] = steps;
  const grouped = [word, area, domain, top].join(".");
  if (steps.length >= 4 && kindFrom(grouped)) return { word: grouped, kind: kindFrom(grouped), path: steps.slice(4) };
  return { word, kind: kindFrom(word), path: steps.slice(1) };
}
