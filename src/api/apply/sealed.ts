/** How a Secret stands in the store: its contents sealed, bound to the object and to the version that the object names. */
import type { Resource, StoredResource } from "../../model/object.ts";
import type { MeshSecret, Sealed, SecretContents } from "../../model/secret.ts";
import type { Secret } from "../../platform/log.ts";
import type { ParsedResource } from "../../resources/parse.ts";
import { toModel } from "../../resources/to_model.ts";
import type { Sealing } from "../ports.ts";

/** undefined: of no Secret. */
export function sealedOf({ resource, contents }: ParsedResource, sealing: Sealing): Sealed | undefined {
  const secret = contents && secretIn(resource);
  return secret && sealing.seal(contents, bindingOf(secret));
}

/** undefined: of no Secret. */
export function openedOf({ resource, sealed }: StoredResource, sealing: Sealing): Secret<SecretContents> | undefined {
  const secret = sealed && secretIn(resource);
  return secret && sealing.open(sealed, bindingOf(secret));
}

function secretIn(resource: Resource): MeshSecret | undefined {
  if (resource.kind !== "Secret") return undefined;
  const object = toModel({ resource, generation: 1, createdAtMs: 0 });
  return object.kind === "Secret" ? object : undefined;
}

/** Contents that were moved under another name, or another version's, do not open. */
function bindingOf({ namespace, name, version }: MeshSecret): string {
  return `secret ${namespace}/${name} ${version}`;
}
