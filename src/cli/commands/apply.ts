/** meshctl apply -f FILE|DIR|- [-R] [--dry-run]: everything in one apply, all or nothing. */
import { printProblem } from "../../model/problem.ts";
import { anything, integer, list, object, oneOf, text } from "../../platform/decode.ts";
import { ApiClient, problemsFrom } from "../api_client.ts";
import type { CliContext, CommandModule, Invocation } from "../command.ts";
import { CommandFailure, type ExitStatus, exit } from "../exit.ts";
import { addFileFlags, readFiles, sourcesBody } from "../files.ts";
import { findMesh } from "../mesh.ts";
import { groupedName, placedName } from "../object_name.ts";
import { print } from "../print.ts";

const reply = object({
  revision: text(),
  applied: list(
    object({
      kind: text(),
      namespace: text(),
      name: text(),
      generation: integer(0),
      result: oneOf("created", "configured", "unchanged", "ignored"),
    }),
  ),
  warnings: anything,
});

export const command: CommandModule = {
  define: (command) =>
    void addFileFlags(command)
      .usage("-f FILE|DIR|- [options]")
      .allowExcessArguments()
      .option("--dry-run", "check everything, store nothing"),

  async run(context: CliContext, { args, options }: Invocation): Promise<ExitStatus> {
    if (args.length > 0) {
      const flags = [...options.list("filename"), ...args].map((file) => `-f ${file}`).join(" ");
      throw new CommandFailure(exit.usage, `each file is given by -f, or their directory: meshctl apply ${flags}`);
    }
    const files = await readFiles(context, options);
    const mesh = await findMesh(context);
    const answer = await new ApiClient(context, mesh).call({
      method: "POST",
      path: "/v1/apply",
      query: { namespace: context.globals.namespace, dryRun: options.flag("dryRun") ? "true" : undefined },
      body: sourcesBody(files),
    });
    const { applied, warnings, revision } = reply(answer, "reply");
    for (const problem of problemsFrom(warnings)) context.say(printProblem(problem));
    await print(context, {
      data: { revision, applied, warnings },
      header: ["OBJECT", "RESULT", "GENERATION"],
      rows: applied.map((one) => [placedName(one), one.result, one.result === "ignored" ? "" : String(one.generation)]),
      names: applied.map(groupedName),
      empty: "nothing to apply",
    });
    return exit.good;
  },
};
