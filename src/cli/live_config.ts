/**
 * What an Envoy on this machine holds, from its admin page; which page is its agent says. Envoy itself leaves private
 * keys out of the dump; whatever is named like one is left out here again.
 */
import { request as httpRequest } from "node:http";
import { anything, list, object, record, text } from "../platform/decode.ts";
import { limits } from "../platform/limits.ts";
import type { CliContext } from "./command.ts";
import { CommandFailure, exit } from "./exit.ts";
import type { Mesh } from "./mesh.ts";

const hostStatus = object({ workloads: list(object({ workload: text(), admin: text() })) });
const configDump = object({ configs: list(record(anything)) });

/** Section → the part of a dump (envoy.admin.v3) that holds it. */
const dumps: Readonly<Record<string, string>> = {
  cluster: "ClustersConfigDump",
  listener: "ListenersConfigDump",
  route: "RoutesConfigDump",
  endpoint: "EndpointsConfigDump",
  secret: "SecretsConfigDump",
};

/** Section → what the Envoy says of it. */
export async function liveConfig(
  context: CliContext,
  mesh: Mesh,
  wanted: { readonly proxy: string; readonly section: string },
): Promise<Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>> {
  const admin = await adminAddress(context, mesh, wanted.proxy);
  const answer = await fetchText(context, { url: new URL(`http://${admin}/config_dump?include_eds`) });
  const { configs } = configDump(JSON.parse(answer, withoutPrivateKeys), "config_dump");
  const sections = Object.entries(dumps).filter(([section]) => wanted.section === "all" || wanted.section === section);
  return Object.fromEntries(
    sections.map(([section, dump]) => [section, configs.filter((one) => String(one["@type"]).endsWith(`.${dump}`))]),
  );
}

function withoutPrivateKeys(key: string, value: unknown): unknown {
  return key === "private_key" || key === "privateKey" ? "[redacted]" : value;
}

async function adminAddress(context: CliContext, mesh: Mesh, proxy: string): Promise<string> {
  for (const { socket } of mesh.local?.agents ?? []) {
    const { workloads } = hostStatus(JSON.parse(await fetchText(context, { socket, path: "/v1/workloads" })), "agent");
    const found = workloads.find(({ workload }) => workload === proxy);
    if (found) return found.admin;
  }
  throw new CommandFailure(
    exit.failed,
    `no agent on this machine runs ${proxy}; without --live, the mesh says what it tells it`,
  );
}

type From = { readonly url: URL } | { readonly socket: string; readonly path: string };

function fetchText(context: CliContext, from: From): Promise<string> {
  const where = "url" in from ? from.url.host : from.socket;
  return new Promise((resolve, reject) => {
    const fail = (because: string): void => reject(new CommandFailure(exit.failed, `ask ${where}: ${because}`));
    const options = "url" in from ? from.url : { socketPath: from.socket, path: from.path };
    const request = httpRequest(options, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", (cause) => fail(cause.message));
      response.on("end", () => {
        if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString("utf8"));
        else fail(`it answered ${response.statusCode}`);
      });
    });
    const patience = context.clock.after(limits.cliRequestMs, () => request.destroy(new Error("no answer in time")));
    request.on("close", () => patience.cancel());
    request.on("error", (cause) => fail(cause.message));
    request.end();
  });
}
