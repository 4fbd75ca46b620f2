/**
 * meshctl why METHOD URL --from WORKLOAD [-H 'name: value']… [-f FILE|DIR]: what the workload's proxy does with the request,
 * and which part of which object made it so. Of a running mesh, by the node that is asked; with -f of the files alone, and
 * then with file, line and column. Who may ask (AuthorizationPolicy) is not told.
 */
import { compileOnce } from "../../compile/once.ts";
import type { Part } from "../../compile/provenance.ts";
import { defaultSettings } from "../../compile/settings.ts";
import { explain } from "../../compile/why.ts";
import { whyDocument } from "../../compile/why_document.ts";
import { type AskedRequest, type HttpRequest, httpRequestFrom } from "../../model/http_request.ts";
import { printPath } from "../../resources/document/node.ts";
import { positionsIn } from "../../resources/positions.ts";
import { toModel } from "../../resources/to_model.ts";
import { ApiClient } from "../api_client.ts";
import type { CliContext, CommandModule, Invocation } from "../command.ts";
import { CommandFailure, type ExitStatus, exit } from "../exit.ts";
import { addFileFlags } from "../files.ts";
import { findMesh } from "../mesh.ts";
import { addOutboundTrafficPolicy, readOutboundTrafficPolicy } from "../mesh_flags.ts";
import { parseFiles, workloadNamed } from "../offline_mesh.ts";
import { collect, type OptionReader } from "../options.ts";
import { print } from "../print.ts";
import { proxyName } from "../proxy_name.ts";
import { whyAnswer } from "../why_answer.ts";
import { whyRows } from "../why_rows.ts";

export const command: CommandModule = {
  define(command) {
    command.argument("<method>", "GET, POST, …").argument("<url>", "http://reviews:9080/path, as the workload asks");
    command.requiredOption("--from <workload>", "NAME or NAME.NS of who asks, or of a gateway that is asked");
    command.option("-H, --header <header>", "'name: value'; may be given more than once", collect);
    addFileFlags(command);
    addOutboundTrafficPolicy(command);
  },

  async run(context: CliContext, { args, options }: Invocation): Promise<ExitStatus> {
    const [method = "", url = ""] = args;
    const asked: AskedRequest = { method, url, headers: options.list("header") };
    const request = httpRequestFrom(asked);
    if (typeof request === "string") throw new CommandFailure(exit.usage, request);
    const from = proxyName(options.text("from") ?? "", context.globals.namespace);
    const isOffline = options.list("filename").length > 0;
    const data = isOffline ? await inFiles(context, options, { from, request }) : await live(context, { from, asked });
    const rows = whyRows(whyAnswer(data, "why"));
    await print(context, { data, header: ["WHAT", "IS", "BY"], rows, names: rows.map(([what = ""]) => what) });
    return exit.good;
  },
};

/** @param question from: NAME.NS */
async function inFiles(
  context: CliContext,
  options: OptionReader,
  { from, request }: { readonly from: string; readonly request: HttpRequest },
): Promise<object> {
  const settings = { ...defaultSettings, outboundTrafficPolicy: readOutboundTrafficPolicy(options) };
  const { resources, workloads, shards } = await parseFiles(context, options);
  const workload = workloadNamed(workloads, from);
  const objects = resources.map(({ resource, createdAtMs = 0 }) => toModel({ resource, generation: 1, createdAtMs }));
  const { compiler } = compileOnce({ objects, workloads, shards, settings }, workload);
  const positionOf = positionsIn(resources);
  const part = ({ object, path }: Part): object => {
    const position = positionOf(object, path);
    return { object, field: printPath(path), ...(position ? { position } : {}) };
  };
  return whyDocument(explain(compiler, workload, request), { from, part });
}

async function live(
  context: CliContext,
  { from, asked }: { readonly from: string; readonly asked: AskedRequest },
): Promise<unknown> {
  const client = new ApiClient(context, await findMesh(context));
  const path = `/v1/proxies/${encodeURIComponent(from)}/why`;
  return client.call({ method: "POST", path, body: { contentType: "application/json", text: JSON.stringify(asked) } });
}
