/** meshctl get KIND [NAME…] | KIND,KIND | all: objects, and what the mesh knows of services and workloads. */
import { anything, integer, list, object, record, text } from "../../platform/decode.ts";
import { kindWords } from "../../resources/kinds/catalog.ts";
import { ApiClient } from "../api_client.ts";
import { type Column, columnsOf, type Item } from "../columns.ts";
import type { CliContext, CommandModule, Invocation } from "../command.ts";
import { CommandFailure, type ExitStatus, exit } from "../exit.ts";
import { findMesh } from "../mesh.ts";
import { type NamedObject, namedObjects } from "../object_name.ts";
import { print } from "../print.ts";

const metadata = object(
  { name: text(), namespace: text() },
  { labels: record(text()), generation: integer(), creationTimestamp: text() },
);
const item = object(
  { apiVersion: text(), kind: text(), metadata },
  { spec: record(anything), status: record(anything), type: text(), data: record(text()) },
);
const listReply = object({ revision: text(), items: list(item) });

export const command: CommandModule = {
  define(command) {
    const kinds = `${kindWords().join(", ")}, all; several: vs,dr`;
    command.argument("<kind>", kinds).argument("[name...]", "names; or KIND/NAME instead of the kind");
  },

  async run(context: CliContext, { args }: Invocation): Promise<ExitStatus> {
    const [kind = ""] = args;
    const { allNamespaces, namespace, selector } = context.globals;
    const named = namedObjects(args, namespace);
    if (named.length > 0 && allNamespaces) {
      throw new CommandFailure(exit.usage, "a name is of one namespace: use -n, not -A");
    }
    const client = new ApiClient(context, await findMesh(context));
    if (named.length > 0) return getNamed(context, client, named);
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

/** Prints those that are there, then fails for what is not. */
async function getNamed(context: CliContext, client: ApiClient, named: readonly NamedObject[]): Promise<ExitStatus> {
  const found: Item[] = [];
  const missing: CommandFailure[] = [];
  for (const { kind, namespace, name } of named) {
    const path = `/v1/resources/${[kind, namespace, name].map(encodeURIComponent).join("/")}`;
    try {
      found.push(item(await client.call({ method: "GET", path }), "reply"));
    } catch (cause) {
      if (named.length === 1 || !(cause instanceof CommandFailure)) throw cause;
      missing.push(cause);
    }
  }
  const [one] = found;
  const list = { apiVersion: "v1", kind: "List", metadata: {}, items: found };
  await printItems(context, found, named.length === 1 ? one : list);
  for (const { message } of missing) context.say(message);
  return missing[0]?.status ?? exit.good;
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
