/** Secret, as it is stored → model. */
import type { Resource } from "../../model/object.ts";
import type { MeshSecret } from "../../model/secret.ts";
import { invariant } from "../../platform/error.ts";
import { nodeOf } from "../document/node.ts";
import { type Tell, validate } from "../validate.ts";
import { authorityKeys, certificateKeys, type SecretSpec, storedSecretSchema } from "./secret.schema.ts";
import type { Owner } from "./shared.model.ts";

/** Of a record that was understood when it entered. */
export function storedSecret(spec: Resource["spec"]): SecretSpec {
  const ignored: Tell = () => {};
  const read = validate(storedSecretSchema, nodeOf(spec), { path: ["spec"], tell: ignored });
  invariant(read !== undefined, "a stored Secret has its fields");
  return read;
}

export function toSecret({ keys, version, notAfterMs }: SecretSpec, owner: Owner): MeshSecret {
  const has = (names: readonly string[]): boolean => names.some((name) => keys.includes(name));
  return { ...owner, parts: { keyPair: has(certificateKeys), authorities: has(authorityKeys) }, version, notAfterMs };
}
