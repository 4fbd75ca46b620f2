/**
 * meshctl wait --for=distributed [--revision REV]: 0 once every connected proxy concerned has acknowledged it; 81 when
 * one refused it, 80 when the time came first. The first node that answers says what is newest; then every node is
 * asked about its own proxies. A node that is gone has none.
 */
import { integer, list, object, text, union } from "../../platform/decode.ts";
import { ApiClient } from "../api_client.ts";
import type { CliContext, CommandModule, Invocation } from "../command.ts";
import { CommandFailure, type ExitStatus, exit } from "../exit.ts";
import { findMesh } from "../mesh.ts";

const positions = { revision: text(), endpointsToken: text() };
const reply = union("kind", {
  distributed: object({ ...positions, proxies: integer(0) }),
  refused: object({ ...positions, refusals: list(object({ proxy: text(), type: text(), message: text() })) }),
  pending: object({ ...positions, proxies: list(text()) }),
});

const defaultTimeoutMs = 30_000;

export const command: CommandModule = {
  define(command) {
    command.requiredOption("--for <condition>", "distributed");
    command.option("--revision <revision>", "what `apply` printed; without it, the newest");
    command.option("--endpoints <token>", "what a PUT of endpoints answered");
  },

  async run(context: CliContext, { options }: Invocation): Promise<ExitStatus> {
    if (options.text("for") !== "distributed") throw new CommandFailure(exit.usage, "--for: use distributed");
    const mesh = await findMesh(context);
    const client = new ApiClient(context, mesh);
    const endsAtMs = context.clock.monotonicMs() + (context.globals.timeoutMs ?? defaultTimeoutMs);
    let barrier = { revision: options.text("revision"), endpoints: options.text("endpoints") };
    const asked: string[] = [];
    let proxies = 0;
    for (const node of mesh.nodes) {
      const leftMs = Math.max(0, Math.ceil(endsAtMs - context.clock.monotonicMs()));
      const query = { ...barrier, timeoutMs: String(leftMs) };
      const answer = await client.tryNode(node, { method: "GET", path: "/v1/wait", query, waitsMs: leftMs });
      if (answer.kind === "unreachable") {
        context.say(
          `node ${node.name} cannot be asked (${answer.because}); its proxies are elsewhere or not connected`,
        );
        continue;
      }
      const outcome = reply(answer.body, "reply");
      if (outcome.kind !== "distributed") return report(context, outcome);
      asked.push(node.name);
      proxies += outcome.proxies;
      barrier = { revision: outcome.revision, endpoints: outcome.endpointsToken };
    }
    if (asked.length === 0) throw new CommandFailure(exit.failed, "no node answers");
    const { revision = "" } = barrier;
    if (context.globals.output === "json") context.out(`${JSON.stringify({ distributed: true, revision, proxies })}\n`);
    else context.say(`distributed: ${revision} at ${proxies} ${proxies === 1 ? "proxy" : "proxies"}`);
    return exit.good;
  },
};

type Unfinished = Exclude<ReturnType<typeof reply>, { readonly kind: "distributed" }>;

function report(context: CliContext, outcome: Unfinished): ExitStatus {
  if (context.globals.output === "json") context.out(`${JSON.stringify({ distributed: false, ...outcome })}\n`);
  if (outcome.kind === "refused") {
    for (const { proxy, type, message } of outcome.refusals) context.say(`${proxy} refused ${type}: ${message}`);
    return exit.refusedByProxy;
  }
  const who = outcome.proxies.length > 0 ? outcome.proxies.join(", ") : "the node itself";
  context.say(`not distributed in time: ${outcome.revision}; waiting for ${who}`);
  return exit.waitTimedOut;
}
