/**
 * meshctl wait --for=distributed [--revision REV]: 0 once every connected proxy concerned has acknowledged it; 81 when
 * one refused it, 80 when the time came first. The node that is asked asks the others; one that goes meanwhile is
 * followed by the next.
 */
import { integer, list, object, text, union } from "../../platform/decode.ts";
import { ApiClient } from "../api_client.ts";
import type { CliContext, CommandModule, Invocation } from "../command.ts";
import { CommandFailure, type ExitStatus, exit } from "../exit.ts";
import { findMesh } from "../mesh.ts";
import { print } from "../print.ts";

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
    command.option(
      "--revision <revision>",
      "what a write answered (apply, a PUT of endpoints); without it, the newest",
    );
    command.option("--endpoints <token>", "what a PUT of endpoints answered");
  },

  async run(context: CliContext, { options }: Invocation): Promise<ExitStatus> {
    if (options.text("for") !== "distributed") throw new CommandFailure(exit.usage, "--for: use distributed");
    const mesh = await findMesh(context);
    const client = new ApiClient(context, mesh);
    const endsAtMs = context.clock.monotonicMs() + (context.globals.timeoutMs ?? defaultTimeoutMs);
    const barrier = { revision: options.text("revision"), endpoints: options.text("endpoints") };
    const asked = barrier.revision ?? barrier.endpoints;
    for (const node of mesh.nodes) {
      const leftMs = Math.max(0, Math.ceil(endsAtMs - context.clock.monotonicMs()));
      const query = { ...barrier, timeoutMs: String(leftMs) };
      const answer = await client.tryNode(node, { method: "GET", path: "/v1/wait", query, waitsMs: leftMs });
      if (answer.kind === "answered") return report(context, reply(answer.body, "reply"), asked);
      context.say(`node ${node.name} cannot be asked: ${answer.because}`);
    }
    throw new CommandFailure(exit.failed, "no node answers");
  },
};

type Outcome = ReturnType<typeof reply>;

function isData({ globals }: CliContext): boolean {
  return globals.output === "json" || globals.output === "yaml";
}

/** As one line of JSON, or YAML. */
async function tell(context: CliContext, data: object): Promise<void> {
  if (context.globals.output === "json") context.out(`${JSON.stringify(data)}\n`);
  else await print(context, { data, header: [], rows: [], names: [] });
}

async function report(context: CliContext, outcome: Outcome, asked: string | undefined): Promise<ExitStatus> {
  if (outcome.kind === "distributed") {
    const { revision, endpointsToken, proxies } = outcome;
    if (isData(context)) await tell(context, { distributed: true, revision, endpointsToken, proxies });
    else context.say(`distributed: ${asked ?? revision} at ${proxies} ${proxies === 1 ? "proxy" : "proxies"}`);
    return exit.good;
  }
  if (isData(context)) await tell(context, { distributed: false, ...outcome });
  if (outcome.kind === "refused") {
    for (const { proxy, type, message } of outcome.refusals) context.say(`${proxy} refused ${type}: ${message}`);
    return exit.refusedByProxy;
  }
  const who = outcome.proxies.length > 0 ? outcome.proxies.join(", ") : "the node, which does not hold it yet";
  context.say(`not distributed in time: ${asked ?? outcome.revision}; waiting for ${who}`);
  return exit.waitTimedOut;
}
