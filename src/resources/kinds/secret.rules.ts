/**
 * Reads a Secret document: what of it is stored in the open, and its contents, which the caller seals. It is read by hand
 * and not by a schema, because what a schema finds wrong it quotes, and nothing of a Secret may be quoted.
 */
import { createHash } from "node:crypto";
import type { SecretContents } from "../../model/secret.ts";
import { limits } from "../../platform/limits.ts";
import { redacted, Secret } from "../../platform/log.ts";
import { type FieldPath, fieldOf, type Node, textOf } from "../document/node.ts";
import type { ProblemCode } from "../problem_codes.ts";
import type { Tell } from "../validate.ts";
import {
  belongTogether,
  type Certificates,
  certificatesIn,
  notAfterMs,
  type PrivateKey,
  privateKeyIn,
} from "./secret.pem.ts";
import { authorityKeys, certificateKeys, laterKeys, privateKeyKeys, type SecretSpec } from "./secret.schema.ts";

export type ReadSecret =
  | { readonly is: "taken"; readonly spec: SecretSpec; readonly contents: Secret<SecretContents> }
  /** Nothing for a gateway. */
  | { readonly is: "foreign"; readonly because: string }
  /** And told. */
  | { readonly is: "wrong" };

/** One key's text, and where it stands. */
interface Value {
  readonly path: FieldPath;
  readonly text: string;
}

const tlsType = "kubernetes.io/tls";
const types: readonly string[] = [tlsType, "Opaque", ""];
const read: readonly string[] = [...certificateKeys, ...privateKeyKeys, ...authorityKeys];
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export function readSecret(root: Node, tell: Tell): ReadSecret {
  if (isMistyped(root, tell)) return { is: "wrong" };
  const type = textOf(fieldOf(root, "type")) ?? "";
  if (!types.includes(type)) return { is: "foreign", because: "its type is none that gateways read" };
  const names = keysIn(root);
  if (type !== tlsType && !concernsGateways(names)) {
    return { is: "foreign", because: `it has none of the keys ${read.slice(0, 5).join(", ")} that gateways read` };
  }
  let good = true;
  const wrong: Tell = (path, code, message) => {
    good = false;
    tell(path, code, message);
  };
  const values = valuesIn(root, wrong);
  tellUnread(names, root, { tell, wrong });
  const contents = good ? contentsOf(values, wrong) : undefined;
  if (!contents) return { is: "wrong" };
  const keys = read.filter((name) => values.has(name));
  const spec = { type: type === "" ? "Opaque" : type, keys, ...contents.facts };
  return { is: "taken", spec, contents: contents.contents };
}

/** `kubectl apply` keeps a copy of the whole document in an annotation. */
export function withoutCopies(root: Node): Node {
  return without(root, ["metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"]);
}

function without(node: Node, [step = "", ...rest]: readonly string[]): Node {
  if (node.kind !== "map") return node;
  const entries = new Map(node.entries);
  const entry = entries.get(step);
  if (entry && rest.length > 0) entries.set(step, { ...entry, value: without(entry.value, rest) });
  else entries.delete(step);
  return { ...node, entries };
}

function isMistyped(root: Node, tell: Tell): boolean {
  const forms = { type: ["string", "text"], immutable: ["boolean", "true or false"], metadata: ["map", "an object"] };
  const wrong = Object.entries(forms).filter(([name, [kind]]) => (fieldOf(root, name)?.kind ?? kind) !== kind);
  for (const [name, [, wanted]] of wrong) tell([name], "MSH1203", `must be ${wanted}`);
  return wrong.length > 0;
}

function keysIn(root: Node): ReadonlySet<string> {
  return new Set(["data", "stringData"].flatMap((field) => entriesOf(root, field)));
}

function entriesOf(root: Node, field: string): readonly string[] {
  const node = fieldOf(root, field);
  return node?.kind === "map" ? [...node.entries.keys()] : [];
}

/** `cert` and `key` alone are words that any program may use. */
function concernsGateways(names: ReadonlySet<string>): boolean {
  const own = ["tls.crt", "tls.key", "ca.crt", "cacert"].some((name) => names.has(name));
  return own || (names.has("cert") && names.has("key"));
}

/** Of the keys that gateways read. */
function valuesIn(root: Node, wrong: Tell): ReadonlyMap<string, Value> {
  const values = new Map<string, Value>();
  for (const field of ["data", "stringData"] as const) {
    const node = fieldOf(root, field);
    if (node && node.kind !== "map") wrong([field], "MSH1203", "must be an object: a text for each key");
    for (const name of read) {
      const value = fieldOf(node, name);
      if (!value) continue;
      const path = [field, name];
      const text = textIn(value, field, { path, wrong });
      if (text !== undefined) values.set(name, { path, text });
    }
  }
  return values;
}

function textIn(
  node: Node,
  field: "data" | "stringData",
  { path, wrong }: { readonly path: FieldPath; readonly wrong: Tell },
): string | undefined {
  const refuse = (code: ProblemCode, message: string): undefined => {
    wrong(path, code, message);
    return undefined;
  };
  if (node.kind !== "string") return refuse("MSH1203", `must be text${field === "data" ? " in base64" : ": PEM"}`);
  const { value } = node;
  if (value.trim() === redacted) {
    return refuse("MSH1342", `${redacted} is what the mesh prints in place of it; apply the Secret as it was made`);
  }
  if (field === "stringData") return value;
  const compact = value.replaceAll(/\s/g, "");
  if (base64.test(compact)) return Buffer.from(compact, "base64").toString("utf8");
  const asIs = value.includes("-----BEGIN") ? "; PEM as it is goes into `stringData`" : "";
  return refuse("MSH1207", `must be base64${asIs}`);
}

/** Another program's own keys are not kept; what Istio would do more with is refused. */
function tellUnread(
  names: ReadonlySet<string>,
  root: Node,
  { tell, wrong }: { readonly tell: Tell; readonly wrong: Tell },
): void {
  const later: readonly string[] = laterKeys;
  const place = (name: string): string => (entriesOf(root, "stringData").includes(name) ? "stringData" : "data");
  for (const name of names) {
    if (read.includes(name)) continue;
    if (later.includes(name)) wrong([place(name), name], "MSH1202", "is not supported yet; leave it out");
  }
  const others = [...names].filter((name) => !read.includes(name) && !later.includes(name));
  if (others.length > 0) {
    const said = others.length === 1 ? "a key is" : `${others.length} keys are`;
    tell(["data"], "MSH1343", `${said} nothing that gateways read, and not stored; they read ${read.join(", ")}`);
  }
}

interface Contents {
  readonly contents: Secret<SecretContents>;
  readonly facts: Pick<SecretSpec, "version" | "notAfterMs">;
}

function contentsOf(values: ReadonlyMap<string, Value>, wrong: Tell): Contents | undefined {
  const certificate = only(values, certificateKeys, wrong);
  const privateKey = only(values, privateKeyKeys, wrong);
  const authorities = only(values, authorityKeys, wrong);
  const chain = certificate && checked(certificate, certificatesIn(certificate.text), wrong);
  const key = privateKey && checked(privateKey, privateKeyIn(privateKey.text), wrong);
  const roots = authorities && checked(authorities, certificatesIn(authorities.text), wrong);
  if (!certificate && (privateKey || !authorities))
    wrong(["data", "tls.crt"], "MSH1341", "is missing: the certificate");
  if (!privateKey && (certificate || !authorities))
    wrong(["data", "tls.key"], "MSH1341", "is missing: the certificate's key");
  const isHalf = (certificate && !chain) || (privateKey && !key) || (authorities && !roots);
  if (isHalf || Boolean(chain) !== Boolean(key)) return undefined;
  if (privateKey && chain && key && !belongTogether(chain, key)) {
    wrong(privateKey.path, "MSH1341", "is not the certificate's key; the first certificate must be the key's own");
    return undefined;
  }
  return gathered(chain && key && { chain, key }, roots, wrong);
}

function gathered(
  pair: { readonly chain: Certificates; readonly key: PrivateKey } | undefined,
  roots: Certificates | undefined,
  wrong: Tell,
): Contents | undefined {
  const contents: SecretContents = {
    ...(pair ? { keyPair: { chain: pair.chain.pem, key: pair.key.pem } } : {}),
    ...(roots ? { authorities: roots.pem } : {}),
  };
  const parts = [pair?.chain.pem ?? "", roots?.pem ?? ""];
  if (parts.join("").length + (pair?.key.pem.length ?? 0) > limits.secretBytes) {
    wrong([], "MSH1341", `has more than ${limits.secretBytes} bytes; leave out certificates that nobody needs`);
    return undefined;
  }
  const ends = pair ? [notAfterMs(pair.chain.all[0])] : (roots?.all ?? []).map(notAfterMs);
  const version = createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
  return { contents: new Secret(contents), facts: { version, notAfterMs: Math.max(0, ...ends) } };
}

/** Which of two names would hold nobody could tell. */
function only(values: ReadonlyMap<string, Value>, names: readonly string[], wrong: Tell): Value | undefined {
  const [first, second] = names.flatMap((name) => values.get(name) ?? []);
  if (second) wrong(second.path, "MSH1209", `says the same as ${names[0]}; keep one of ${names.join(", ")}`);
  return first;
}

function checked<Of>(
  { path }: Value,
  found: { readonly is: "good"; readonly value: Of } | { readonly is: "wrong"; readonly because: string },
  wrong: Tell,
): Of | undefined {
  if (found.is === "good") return found.value;
  wrong(path, "MSH1341", found.because);
  return undefined;
}
