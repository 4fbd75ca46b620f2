/** Objects as the command line names them, and as it prints their names. */
import { apiVersionOf, kindFrom } from "../resources/kinds/catalog.ts";
import { CommandFailure, exit } from "./exit.ts";

export interface NamedObject {
  /** A word for the kind. */
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** KIND NAME…, or KIND/NAME… as `-o name` prints them; nothing when only a KIND is given. */
export function namedObjects(args: readonly string[], namespace: string): readonly NamedObject[] {
  const [kind = "", ...names] = args;
  if (!kind.includes("/")) return names.map((name) => located({ kind, namespace, name }));
  return args.map((word) => {
    const [of = "", name = "", ...rest] = word.split("/");
    if (of === "" || name === "" || rest.length > 0) throw new CommandFailure(exit.usage, `${word}: write KIND/NAME`);
    return located({ kind: of, namespace, name });
  });
}

/** A workload may be called NAME.NAMESPACE, as its proxy is. */
function located(object: NamedObject): NamedObject {
  const dot = object.name.lastIndexOf(".");
  if (dot < 0 || kindFrom(object.kind) !== "Workload") return object;
  return { kind: object.kind, namespace: object.name.slice(dot + 1), name: object.name.slice(0, dot) };
}

/** kind/namespace/name, for people. */
export function placedName({ kind, namespace, name }: NamedObject): string {
  return `${kind.toLowerCase()}/${namespace}/${name}`;
}

/** kind.group/name, as `get -o name` prints it. Of a kind that is not ours, without a group. */
export function groupedName({ kind, name }: NamedObject): string {
  const known = kindFrom(kind);
  const apiVersion = known === undefined ? "" : apiVersionOf(known);
  const group = apiVersion.includes("/") ? `.${apiVersion.split("/")[0]}` : "";
  return `${kind.toLowerCase()}${group}/${name}`;
}
