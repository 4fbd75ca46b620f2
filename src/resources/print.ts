/** A resource as its user would write it: parsing what was printed gives it back. */
import { Document } from "yaml";
import type { Resource } from "../model/object.ts";

export type PrintFormat = "yaml" | "json";

export function printResource(resource: Resource, format: PrintFormat): string {
  const ordered = orderedResource(resource);
  return format === "json" ? `${JSON.stringify(ordered, undefined, 2)}\n` : printYaml([ordered]);
}

/** Documents, parted by `---`, without folded lines or anchors. Words that YAML 1.1 reads otherwise (on, yes) are quoted. */
export function printYaml(values: readonly unknown[]): string {
  return values
    .map((value) =>
      new Document(value, { aliasDuplicateObjects: false, compat: "yaml-1.1" }).toString({ lineWidth: 0 }),
    )
    .join("---\n");
}

/** The order in which people write and look. */
function orderedResource({ apiVersion, kind, metadata, spec }: Resource): Resource {
  const { name, namespace, labels, annotations } = metadata;
  const described = { name, namespace, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) };
  return { apiVersion, kind, metadata: described, spec };
}
