/**
 * meshctl compile -f DIR --proxy WORKLOAD: offline, the Envoy resources that a workload would get, from the same code
 * that the nodes run. The files hold what one applies and, as documents, the workloads and services.
 */
import { compileOnce } from "../../compile/once.ts";
import { defaultSettings } from "../../compile/settings.ts";
import { encode } from "../../envoy/encode.ts";
import { resourceJson } from "../../envoy/print.ts";
import type { ResourceType } from "../../envoy/resource.ts";
import { defaultNamespace, namespaceFrom } from "../../model/names.ts";
import { isError, printProblem } from "../../model/problem.ts";
import { nameOfWorkload, type Workload } from "../../model/workload.ts";
import { type Offline, parseOffline } from "../../resources/offline/parse.ts";
import { toModel } from "../../resources/to_model.ts";
import type { CliContext, CommandModule, Invocation } from "../command.ts";
import { CommandFailure, type ExitStatus, exit } from "../exit.ts";
import { addFileFlags, readFiles, type SourceFile } from "../files.ts";
import { addOutboundTrafficPolicy, readOutboundTrafficPolicy } from "../mesh_flags.ts";
import { print } from "../print.ts";
import { proxyName } from "../proxy_name.ts";

/** In the words of proxy-config. */
const sections: Readonly<Record<ResourceType, string>> = {
  cluster: "cluster",
  endpoints: "endpoint",
  listener: "listener",
  route: "route",
};

export const command: CommandModule = {
  define(command) {
    addFileFlags(command).requiredOption("--proxy <workload>", "NAME or NAME.NS of a workload in the files");
    addOutboundTrafficPolicy(command);
  },

  async run(context: CliContext, { options }: Invocation): Promise<ExitStatus> {
    const settings = { ...defaultSettings, outboundTrafficPolicy: readOutboundTrafficPolicy(options) };
    const contents = parse(context, await readFiles(context, options));
    const proxy = proxyName(options.text("proxy") ?? "", context.globals.namespace);
    const { resources, workloads, shards } = contents;
    const objects = resources.map(({ resource, createdAtMs = 0 }) => toModel({ resource, generation: 1, createdAtMs }));
    const { items } = compileOnce({ objects, workloads, shards, settings }, workloadNamed(workloads, proxy));
    const encoded = items.map(encode).sort((a, b) => (a.name < b.name ? -1 : 1));
    const config: Record<string, unknown[]> = { cluster: [], listener: [], route: [], endpoint: [] };
    for (const resource of encoded) config[sections[resource.type]]?.push(resourceJson(resource));
    await print(context, {
      data: config,
      header: ["TYPE", "NAME", "BYTES"],
      rows: encoded.map(({ type, name, value }) => [sections[type], name, String(value.length)]),
      names: encoded.map(({ name }) => name),
    });
    return exit.good;
  },
};

function parse(context: CliContext, files: readonly SourceFile[]): Offline {
  const sources = files.map(({ name, text }) => ({ file: name, text }));
  const parsed = parseOffline(sources, { namespace: namespaceFrom(context.globals.namespace) ?? defaultNamespace });
  for (const problem of parsed.problems) context.say(printProblem(problem));
  if (parsed.problems.some(isError)) throw new CommandFailure(exit.badInput, "");
  return parsed;
}

function workloadNamed(workloads: readonly Workload[], proxy: string): Workload {
  const found = workloads.find((workload) => nameOfWorkload(workload) === proxy);
  if (found) return found;
  const known = workloads.map(nameOfWorkload);
  const next =
    known.length > 0
      ? `there is ${known.join(", ")}`
      : "they need a Workload document of it; `meshctl get workloads,services -A -o yaml` prints a running mesh's";
  throw new CommandFailure(exit.failed, `no workload ${proxy} in the files; ${next}`);
}
