/** The commands by name, in the order in which help lists them. Each is loaded only when it is called. */
import type { CommandModule } from "./command.ts";

export interface CatalogEntry {
  readonly summary: string;
  readonly load: () => Promise<{ readonly command: CommandModule }>;
}

export const catalog: ReadonlyMap<string, CatalogEntry> = new Map<string, CatalogEntry>([
  ["dev", { summary: "run and supervise a mesh on this machine", load: () => import("./commands/dev.ts") }],
  ["run", { summary: "run one workload with its sidecar", load: () => import("./commands/run.ts") }],
  ["gateway run", { summary: "run a gateway", load: () => import("./commands/gateway_run.ts") }],
  ["apply", { summary: "apply objects from files, all or nothing", load: () => import("./commands/apply.ts") }],
  ["get", { summary: "list objects, services, workloads", load: () => import("./commands/get.ts") }],
  ["delete", { summary: "delete objects by file or name", load: () => import("./commands/delete.ts") }],
  ["wait", { summary: "wait until every proxy has what was applied", load: () => import("./commands/wait.ts") }],
  ["proxy-status", { summary: "what each proxy has acknowledged", load: () => import("./commands/proxy_status.ts") }],
  ["proxy-config", { summary: "what one proxy is told", load: () => import("./commands/proxy_config.ts") }],
  ["why", { summary: "why a request goes where it goes", load: () => import("./commands/why.ts") }],
  ["compile", { summary: "offline: what a workload's Envoy would get", load: () => import("./commands/compile.ts") }],
  ["explain", { summary: "what a kind and its fields mean", load: () => import("./commands/explain.ts") }],
  ["check", { summary: "whether every part of the mesh is well", load: () => import("./commands/check.ts") }],
  [
    "freeze",
    { summary: "hold changes back from the proxies, let go what is held", load: () => import("./commands/freeze.ts") },
  ],
  ["backup", { summary: "all that is declared, in one encrypted file", load: () => import("./commands/backup.ts") }],
  ["restore", { summary: "put a backup in the place of what is there", load: () => import("./commands/restore.ts") }],
  ["members", { summary: "the nodes of the control plane", load: () => import("./commands/members.ts") }],
  ["token create", { summary: "a token with which a host joins", load: () => import("./commands/token_create.ts") }],
]);
