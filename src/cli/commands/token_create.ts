/** meshctl token create [--ttl 1h] [--host NAME]: a token with which one host joins; printed once, kept nowhere. */
import { integer, object, text } from "../../platform/decode.ts";
import { ApiClient } from "../api_client.ts";
import type { CliContext, CommandModule, Invocation } from "../command.ts";
import { type ExitStatus, exit } from "../exit.ts";
import { durationMs } from "../globals.ts";
import { findMesh } from "../mesh.ts";

const reply = object({ token: text(), id: text(), expiresAtMs: integer(0) });

export const command: CommandModule = {
  define(command) {
    command.option("--ttl <duration>", "how long it can be used: 10m, 1h", "1h");
    command.option("--host <name>", "only this host may use it, and it may replace the host's key");
  },

  async run(context: CliContext, { options }: Invocation): Promise<ExitStatus> {
    const body = { ttlMs: durationMs(options.text("ttl") ?? "1h"), hostName: options.text("host") };
    const answer = await new ApiClient(context, await findMesh(context)).call({
      method: "POST",
      path: "/v1/tokens",
      body: { contentType: "application/json", text: JSON.stringify(body) },
    });
    const made = reply(answer, "reply");
    if (context.globals.output === "json") context.out(`${JSON.stringify(made)}\n`);
    else context.out(`${made.token}\n`);
    context.say(`works once, until ${new Date(made.expiresAtMs).toISOString()}`);
    return exit.good;
  },
};
