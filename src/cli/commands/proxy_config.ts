/**
 * meshctl proxy-config cluster|listener|route|endpoint|secret|all PROXY [--live]: what the mesh tells it; every node is
 * asked until one knows the proxy. --live: what the Envoy itself says it holds, when it runs on this machine. Private
 * keys are in neither.
 */
import { anything, list, object, record, text } from "../../platform/decode.ts";
import { ApiClient } from "../api_client.ts";
import type { CliContext, CommandModule, Invocation } from "../command.ts";
import { CommandFailure, type ExitStatus, exit } from "../exit.ts";
import { liveConfig } from "../live_config.ts";
import { findMesh, type Mesh } from "../mesh.ts";
import { print } from "../print.ts";
import { proxyName } from "../proxy_name.ts";
import { byName, resourceName, resourceSummary } from "../resource_summary.ts";

const sections = ["cluster", "listener", "route", "endpoint", "secret", "all"];
const reply = object({ proxy: text(), meshd: text(), config: record(list(record(anything))) });

export const command: CommandModule = {
  define(command) {
    command.argument("<section>", sections.join(", ")).argument("<proxy>", "NAME or NAME.NS");
    command.option("--live", "ask the Envoy itself, on this machine");
  },

  async run(context: CliContext, { args, options }: Invocation): Promise<ExitStatus> {
    const [asked = "", word = ""] = args;
    const section = sections.find((one) => asked === one || asked === `${one}s`);
    if (section === undefined) throw new CommandFailure(exit.usage, `${asked}: use one of ${sections.join(", ")}`);
    const proxy = proxyName(word, context.globals.namespace);
    const mesh = await findMesh(context);
    const config = options.flag("live")
      ? await liveConfig(context, mesh, { section, proxy })
      : await toldConfig(context, mesh, { section, proxy });
    const rows = Object.entries(config).flatMap(([type, items]) =>
      items.map((one) => [type, resourceName(one), resourceSummary(type, one)]),
    );
    await print(context, {
      data: section === "all" ? config : (config[section] ?? []),
      header: ["TYPE", "NAME", "WHAT"],
      rows,
      names: rows.map(([, name = ""]) => name),
      empty: `${proxy} has nothing of that kind`,
    });
    return exit.good;
  },
};

async function toldConfig(
  context: CliContext,
  mesh: Mesh,
  { section, proxy }: { readonly section: string; readonly proxy: string },
): Promise<ReturnType<typeof reply>["config"]> {
  const client = new ApiClient(context, mesh);
  const path = `/v1/proxies/${encodeURIComponent(proxy)}/config`;
  let reached = false;
  for (const node of mesh.nodes) {
    const answer = await client.raw(node, { method: "GET", path, query: { section } });
    if (answer.kind === "unreachable") continue;
    reached = true;
    if (answer.status === 200) {
      const { config } = reply(JSON.parse(answer.text), "reply");
      return Object.fromEntries(Object.entries(config).map(([type, items]) => [type, byName(items)]));
    }
  }
  throw new CommandFailure(exit.failed, reached ? `no node knows a proxy ${proxy}` : "no node answers");
}
