/** meshctl proxy-status [PROXY]: what each proxy has acknowledged, as the nodes that serve them see it. */
import { boolean, list, object, record, text } from "../../platform/decode.ts";
import { limits } from "../../platform/limits.ts";
import { ApiClient } from "../api_client.ts";
import type { CliContext, CommandModule, Invocation } from "../command.ts";
import { CommandFailure, type ExitStatus, exit } from "../exit.ts";
import { findMesh } from "../mesh.ts";
import { print } from "../print.ts";
import { proxyName } from "../proxy_name.ts";

const typeStatus = object({ version: text(), acked: text() }, { nacked: object({ version: text(), message: text() }) });
const status = object({
  proxy: text(),
  meshd: text(),
  connected: boolean,
  types: record(typeStatus),
  revision: text(),
});
/** Beyond what the asked node itself waits for the others, ms. */
const marginMs = 1_000;
type Status = ReturnType<typeof status>;

export const command: CommandModule = {
  define: (command) => void command.argument("[proxy]", "NAME or NAME.NS"),

  async run(context: CliContext, { args }: Invocation): Promise<ExitStatus> {
    const all = await statuses(context);
    const wanted = args[0] === undefined ? undefined : proxyName(args[0], context.globals.namespace);
    const shown = all.filter(({ proxy }) => wanted === undefined || proxy === wanted);
    if (wanted !== undefined && shown.length === 0) throw new CommandFailure(exit.failed, `no proxy ${wanted}`);
    await print(context, {
      data: shown,
      header: ["PROXY", "MESHD", "CONNECTED", "CDS", "EDS", "LDS", "RDS", "REVISION"],
      rows: shown.map((one) => [
        ...[one.proxy, one.meshd, one.connected ? "yes" : "no"],
        ...["cds", "eds", "lds", "rds"].map((type) => stateOf(one.types[type])),
        one.revision,
      ]),
      names: shown.map(({ proxy }) => proxy),
      empty: "no proxy is connected",
    });
    for (const one of shown) {
      for (const [type, { nacked }] of Object.entries(one.types)) {
        if (nacked) context.say(`${one.proxy} refused ${type} ${nacked.version}: ${nacked.message}`);
      }
    }
    return exit.good;
  },
};

/** Each proxy once: where it is connected, if anywhere. All nodes are asked at once, so that a frozen one costs little. */
async function statuses(context: CliContext): Promise<readonly Status[]> {
  const mesh = await findMesh(context);
  const client = new ApiClient(context, mesh);
  const call = { method: "GET", path: "/v1/proxies", patienceMs: limits.nodeAnswerMs + marginMs } as const;
  const answers = await Promise.all(
    mesh.nodes.map(async (node) => ({ node, answer: await client.tryNode(node, call) })),
  );
  const silent = new Map<string, string>();
  const byProxy = new Map<string, Status>();
  for (const { node, answer } of answers) {
    if (answer.kind === "unreachable") {
      silent.set(node.name, answer.because);
      continue;
    }
    for (const name of answer.silent) if (!silent.has(name)) silent.set(name, `${node.name} gets no answer from it`);
    for (const one of list(status)(answer.body, "reply")) {
      if (one.connected || !byProxy.has(one.proxy)) byProxy.set(one.proxy, one);
    }
  }
  const [first, ...more] = [...silent].map(([name, because]) => `${name} (${because})`);
  if (answers.every(({ answer }) => answer.kind === "unreachable")) {
    throw new CommandFailure(exit.failed, `no node answers: ${[first, ...more].join("; ")}`);
  }
  if (first !== undefined) {
    context.say(`silent: ${[first, ...more].join("; ")}; what is connected there is shown as not connected`);
  }
  return [...byProxy.values()].sort((a, b) => a.proxy.localeCompare(b.proxy));
}

function stateOf(type: Status["types"][string] | undefined): string {
  // Nothing of that type is for it.
  if (!type || (type.version === "" && type.acked === "")) return "-";
  if (type.nacked) return "REFUSED";
  if (type.acked === "") return "NEVER";
  return type.acked === type.version ? "SYNCED" : "STALE";
}
