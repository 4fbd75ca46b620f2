/**
 * meshctl compile -f DIR --proxy WORKLOAD: offline, the Envoy resources that a workload would get, from the same code
 * that the nodes run. The files hold what one applies and, as documents, the workloads and services.
 */
import { compileOnce } from "../../compile/once.ts";
import { defaultSettings } from "../../compile/settings.ts";
import { encode } from "../../envoy/encode.ts";
import { resourceJson } from "../../envoy/print.ts";
import type { ResourceType } from "../../envoy/resource.ts";
import { toModel } from "../../resources/to_model.ts";
import type { CliContext, CommandModule, Invocation } from "../command.ts";
import { type ExitStatus, exit } from "../exit.ts";
import { addFileFlags } from "../files.ts";
import { addOutboundTrafficPolicy, readOutboundTrafficPolicy } from "../mesh_flags.ts";
import { parseFiles, workloadNamed } from "../offline_mesh.ts";
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
    const contents = await parseFiles(context, options);
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
