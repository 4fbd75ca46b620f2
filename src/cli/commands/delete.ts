/** meshctl delete -f FILE | KIND NAME…: removes what is there in one change, then fails for what was not. */
import { list, object, oneOf, text } from "../../platform/decode.ts";
import { ApiClient } from "../api_client.ts";
import type { CliContext, CommandModule, Invocation } from "../command.ts";
import { CommandFailure, type ExitStatus, exit } from "../exit.ts";
import { addFileFlags, readFiles, sourcesBody } from "../files.ts";
import { findMesh } from "../mesh.ts";
import { groupedName, namedObjects, placedName } from "../object_name.ts";
import { print } from "../print.ts";

const reply = object({
  revision: text(),
  deleted: list(object({ kind: text(), namespace: text(), name: text(), result: oneOf("deleted", "not-found") })),
});

export const command: CommandModule = {
  define(command) {
    addFileFlags(command).argument("[kind]").argument("[name...]");
    command.option("--ignore-not-found", "what is not there counts as deleted");
  },

  async run(context: CliContext, invocation: Invocation): Promise<ExitStatus> {
    const body = await bodyOf(context, invocation);
    const mesh = await findMesh(context);
    const query = { namespace: context.globals.namespace };
    const answer = await new ApiClient(context, mesh).call({ method: "POST", path: "/v1/delete", query, body });
    const { revision, deleted } = reply(answer, "reply");
    await print(context, {
      data: { revision, deleted },
      header: ["OBJECT", "RESULT"],
      rows: deleted.map((one) => [placedName(one), one.result]),
      names: deleted.filter(({ result }) => result === "deleted").map(groupedName),
      empty: "nothing to delete",
    });
    const missing = deleted.filter(({ result }) => result === "not-found");
    if (missing.length === 0 || invocation.options.flag("ignoreNotFound")) return exit.good;
    context.say(`not found: ${missing.map(placedName).join(", ")}`);
    return exit.failed;
  },
};

type Body = ReturnType<typeof sourcesBody>;

async function bodyOf(context: CliContext, { args, options }: Invocation): Promise<Body> {
  if (options.list("filename").length > 0) {
    if (args.length > 0) throw new CommandFailure(exit.usage, "give either -f or KIND NAME");
    return sourcesBody(await readFiles(context, options));
  }
  if (context.globals.allNamespaces) throw new CommandFailure(exit.usage, "a name is of one namespace: use -n, not -A");
  const refs = namedObjects(args, context.globals.namespace);
  if (refs.length === 0) throw new CommandFailure(exit.usage, "give KIND NAME, or -f FILE");
  return { contentType: "application/vnd.weft.refs+json", text: JSON.stringify({ refs }) };
}
