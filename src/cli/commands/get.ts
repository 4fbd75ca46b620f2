/** meshctl get KIND [NAME] | all: objects, and what the mesh knows of services and workloads. */
import { anything, integer, list, object, record, text } from "../../platform/decode.ts";
import { ApiClient } from "../api_client.ts";
import { type Column, columnsOf, type Item } from "../columns.ts";
import type { CliContext, CommandModule, Invocation } from "../command.ts";
import { CommandFailure, type ExitStatus, exit } from "../exit.ts";
import { findMesh } from "../mesh.ts";
import { print } from "../print.ts";

const metadata = object(
  { name: text(), namespace: text() },
  { labels: record(text()), generation: integer(), creationTimestamp: text() },
);
const item = object(
  { apiVersion: text(), kind: text(), metadata },
  { spec: record(anything), status: record(anything) },
);
const listReply = object({ revision: text(), items: list(item) });

export const command: CommandModule = {
  define: (command) => void command.argument("<kind>", "a kind, or all").argument("[name]"),

  async run(context: CliContext, { args }: Invocation): Promise<ExitStatus> {
    const [kind = "", name] = args;
    const client = new ApiClient(context, await findMesh(context));
    if (name !== undefined) return getOne(context, client, kind, name);
    const { allNamespaces, namespace, selector } = context.globals;
    const answer = await client.call({
      method: "GET",
      path: kind === "all" ? "/v1/resources" : `/v1/resources/${encodeURIComponent(kind)}`,
      query: { namespace: allNamespaces ? undefined : namespace, selector },
    });
    const { items, revision } = listReply(answer, "reply");
    const data = { apiVersion: "v1", kind: "List", metadata: { resourceVersion: revision }, items };
    await printItems(context, items, data);
    return exit.good;
  },
};

async function getOne(context: CliContext, client: ApiClient, kind: string, name: string): Promise<ExitStatus> {
  const { allNamespaces, namespace } = context.globals;
  if (allNamespaces) throw new CommandFailure(exit.usage, "a name is of one namespace: use -n, not -A");
  const path = `/v1/resources/${[kind, namespace, name].map(encodeURIComponent).join("/")}`;
  const found = item(await client.call({ method: "GET", path }), "reply");
  await printItems(context, [found], found);
  return exit.good;
}

async function printItems(context: CliContext, items: readonly Item[], data: unknown): Promise<void> {
  const kinds = new Set(items.map(({ kind }) => kind));
  const [kind] = kinds;
  const several = kinds.size > 1;
  const columns: readonly Column[] = columnsOf(several ? undefined : kind);
  const { allNamespaces, namespace } = context.globals;
  const wide = columnsOf(several ? undefined : kind, "wide");
  await print(context, {
    data,
    header: [...(allNamespaces ? ["NAMESPACE"] : []), "NAME", ...columns.map(({ title }) => title)],
    rows: items.map((one) => [
      ...(allNamespaces ? [one.metadata.namespace] : []),
      several ? idOf(one) : one.metadata.name,
      ...columns.map(({ cell }) => cell(one, context.clock.nowMs())),
    ]),
    wide: {
      header: wide.map(({ title }) => title),
      rows: items.map((one) => wide.map(({ cell }) => cell(one, context.clock.nowMs()))),
    },
    names: items.map(idOf),
    empty: allNamespaces ? "nothing found" : `nothing found in namespace ${namespace}`,
  });
}

/** kind.group/name, as kubectl prints it. */
function idOf({ kind, apiVersion, metadata: { name } }: Item): string {
  const group = apiVersion.includes("/") ? `.${apiVersion.split("/")[0]}` : "";
  return `${kind.toLowerCase()}${group}/${name}`;
}
