/** meshctl members: the nodes of the control plane, as the first one that answers sees them. */
import { boolean, integer, list, object, oneOf, text } from "../../platform/decode.ts";
import { ApiClient } from "../api_client.ts";
import { printAge } from "../columns.ts";
import type { CliContext, CommandModule } from "../command.ts";
import { type ExitStatus, exit } from "../exit.ts";
import { findMesh } from "../mesh.ts";
import { print } from "../print.ts";

const member = object({
  name: text(),
  state: oneOf("joining", "alive", "suspect", "leaving", "dead"),
  self: boolean,
  since: integer(0),
});

export const command: CommandModule = {
  define: () => {},

  async run(context: CliContext): Promise<ExitStatus> {
    const client = new ApiClient(context, await findMesh(context));
    const members = list(member)(await client.call({ method: "GET", path: "/v1/members" }), "reply");
    const nowMs = context.clock.nowMs();
    await print(context, {
      data: members,
      header: ["NAME", "STATE", "SINCE", "SEEN BY"],
      rows: members.map(({ name, state, self, since }) => [
        ...[name, state, printAge(nowMs - since)],
        self ? "itself" : (members.find((one) => one.self)?.name ?? ""),
      ]),
      names: members.map(({ name }) => name),
    });
    return exit.good;
  },
};
