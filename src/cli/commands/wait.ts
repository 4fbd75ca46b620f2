/**
 * meshctl wait --for=distributed [--revision REV]: 0 once every connected proxy concerned has acknowledged it; 81 when
 * one refused it, 80 when the time came first, 1 when a freeze or the brake holds it back. The node that is asked asks
 * the others; one that goes meanwhile is followed by the next.
 */
import { integer, list, object, text, union } from "../../platform/decode.ts";
import { ApiClient } from "../api_client.ts";
import type { CliContext, CommandModule, Invocation } from "../command.ts";
import { CommandFailure, type ExitStatus, exit } from "../exit.ts";
import { findMesh } from "../mesh.ts";
import { print } from "../print.ts";

/** What was waited for: a stream that nothing was asked of is left out. */
const waitedFor = { revision: text(), endpointsToken: text() };
const reply = union("kind", {
  distributed: object({ proxies: integer(0) }, waitedFor),
  refused: object({ refusals: list(object({ proxy: text(), type: text(), message: text() })) }, waitedFor),
  pending: object({ proxies: list(text()) }, waitedFor),
  held: object({ holds: list(object({ message: text(), next: text() })) }, waitedFor),
});

const defaultTimeoutMs = 30_000;

export const command: CommandModule = {
  define(command) {
    command.option("--for <condition>", "what is waited for", "distributed");
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
    for (const node of mesh.nodes) {
      const leftMs = Math.max(0, Math.ceil(endsAtMs - context.clock.monotonicMs()));
      const query = { ...barrier, timeoutMs: String(leftMs) };
      const answer = await client.tryNode(node, { method: "GET", path: "/v1/wait", query, waitsMs: leftMs });
      if (answer.kind === "answered") return report(context, reply(answer.body, "reply"));
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

function wordsFor({ revision, endpointsToken }: Outcome): string {
  const parts = [revision && `revision ${revision}`, endpointsToken && `endpoints ${endpointsToken}`];
  return parts.filter((part) => part !== undefined).join(", ");
}

async function report(context: CliContext, outcome: Outcome): Promise<ExitStatus> {
  const { kind, ...said } = outcome;
  const distributed = kind === "distributed";
  if (isData(context)) await tell(context, distributed ? { distributed, ...said } : { distributed, kind, ...said });
  const what = wordsFor(outcome);
  if (outcome.kind === "distributed") {
    const { proxies } = outcome;
    if (!isData(context)) context.say(`distributed: ${what} at ${proxies} ${proxies === 1 ? "proxy" : "proxies"}`);
    return exit.good;
  }
  if (outcome.kind === "refused") {
    for (const { proxy, type, message } of outcome.refusals) context.say(`${proxy} refused ${type}: ${message}`);
    return exit.refusedByProxy;
  }
  if (outcome.kind === "held") {
    for (const { message, next } of outcome.holds) context.say(`held, not distributed: ${message}; ${next}`);
    return exit.failed;
  }
  const who = outcome.proxies.length > 0 ? outcome.proxies.join(", ") : "the node, which does not hold it yet";
  context.say(`not distributed in time: ${what}; waiting for ${who}`);
  return exit.waitTimedOut;
}
