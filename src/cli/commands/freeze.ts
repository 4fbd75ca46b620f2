/**
 * meshctl freeze [--reason TEXT] [--endpoints] | --off | --release | --show: what reaches the proxies. Each is one record
 * of the mesh, so it is so on every node, and still so after they are started again.
 */
import { boolean, integer, list, object, oneOf, text } from "../../platform/decode.ts";
import { type ApiCall, ApiClient } from "../api_client.ts";
import type { CliContext, CommandModule, Invocation } from "../command.ts";
import { CommandFailure, type ExitStatus, exit } from "../exit.ts";
import { findMesh } from "../mesh.ts";
import type { OptionReader } from "../options.ts";
import { print } from "../print.ts";

const hold = object({
  reason: oneOf("frozen", "drop", "missing", "quarantined"),
  changes: integer(0),
  message: text(),
  next: text(),
});
const reply = object(
  { frozen: boolean, holds: list(hold) },
  {
    revision: text(),
    freeze: object({ who: text(), reason: text(), since: text(), revision: text(), endpoints: boolean }),
  },
);

const help = `
While the mesh is frozen, what is applied or deleted is stored and reaches no proxy; security policies wait too. Endpoints
go on, so that workloads may come and go; with --endpoints they wait as well. New proxies get what the frozen ones have.
A restore of a backup ends a freeze.

The brake holds by itself when most of the endpoints or services vanish within seconds, or when the store comes back
without objects that nobody deleted; proxies keep what they have, policies and everything else flow. And a change that
proxies on two hosts refuse is taken back. \`meshctl check\` says what is held. --release lets go what is held now, if it
is meant.

  meshctl freeze --reason "incident 4711"
  meshctl freeze --off
  meshctl freeze --release`;

export const command: CommandModule = {
  define(command) {
    command.option("--reason <text>", "why, for those who find the mesh frozen");
    command.option("--endpoints", "hold endpoints, too");
    command.option("--off", "lift the freeze: what waited goes to the proxies");
    command.option("--release", "let go what the brake holds; a freeze stays");
    command.option("--show", "say what is frozen and held; change nothing");
    command.addHelpText("after", help);
  },

  async run(context: CliContext, { args, options }: Invocation): Promise<ExitStatus> {
    if (args.length > 0) throw new CommandFailure(exit.usage, "freeze takes no operand; a reason goes by --reason");
    const call = callFrom(options);
    const state = reply(await new ApiClient(context, await findMesh(context)).call(call), "reply");
    const { frozen, freeze, holds } = state;
    await print(context, {
      data: state,
      header: ["HELD", "CHANGES", "WHAT"],
      rows: holds.map(({ reason, changes, message, next }) => [reason, String(changes), `${message}; ${next}`]),
      names: holds.map(({ reason }) => reason),
      empty: "nothing is held",
    });
    const what = freeze?.endpoints ? "configuration and endpoints" : "configuration";
    context.say(frozen && freeze ? `frozen: proxies keep the ${what} of ${freeze.revision}` : "not frozen");
    return exit.good;
  },
};

function callFrom(options: OptionReader): ApiCall {
  const modes = (["off", "release", "show"] as const).filter((name) => options.flag(name));
  const [mode] = modes;
  const reason = options.text("reason");
  if (modes.length > 1)
    throw new CommandFailure(exit.usage, `give one of ${modes.map((name) => `--${name}`).join(", ")}`);
  if (mode !== undefined && (reason !== undefined || options.flag("endpoints")))
    throw new CommandFailure(exit.usage, `--${mode} takes neither --reason nor --endpoints`);
  switch (mode) {
    case "off":
      return { method: "DELETE", path: "/v1/freeze" };
    case "release":
      return { method: "POST", path: "/v1/freeze/release" };
    case "show":
      return { method: "GET", path: "/v1/freeze" };
    default: {
      const body = { ...(reason !== undefined && { reason }), endpoints: options.flag("endpoints") };
      return {
        method: "PUT",
        path: "/v1/freeze",
        body: { contentType: "application/json", text: JSON.stringify(body) },
      };
    }
  }
}
