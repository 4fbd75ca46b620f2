/** apiVersion and kind: what a document is, before anybody looks at its spec. */
import { type FieldPath, fieldOf, type Node, textOf } from "./document/node.ts";
import {
  type AnyKind,
  anyKinds,
  apiVersionOf,
  apiVersionsOf,
  isObjectKind,
  kinds,
  laterKinds,
  registeredKinds,
} from "./kinds/catalog.ts";
import { areas, domains, versions } from "./kinds/kind.ts";
import { nearest } from "./nearest.ts";
import type { ProblemCode } from "./problem_codes.ts";
import { shown } from "./schema/format.ts";

export type Envelope =
  | { readonly is: "ours"; readonly kind: AnyKind; readonly apiVersion: string }
  /** Kubernetes' own, or of a group that is not ours. */
  | { readonly is: "foreign"; readonly kind: string; readonly apiVersion: string }
  | { readonly is: "list"; readonly items: readonly Node[] }
  | { readonly is: "wrong"; readonly path: FieldPath; readonly code: ProblemCode; readonly message: string };

export function readEnvelope(root: Node): Envelope {
  if (root.kind !== "map") {
    return wrong([], "MSH1101", "is no resource: it must be an object with apiVersion, kind, metadata and spec");
  }
  const apiVersion = textOf(fieldOf(root, "apiVersion"));
  const kind = textOf(fieldOf(root, "kind"));
  if (kind === undefined || kind === "")
    return wrong(["kind"], "MSH1101", "is missing; write the kind, such as VirtualService");
  const items = fieldOf(root, "items");
  if (kind.endsWith("List") && items?.kind === "list") return { is: "list", items: items.items };
  if (apiVersion === undefined || apiVersion === "") {
    const example = anyKinds.find((known) => known === kind);
    const hint = example ? `, such as ${apiVersionOf(example)}` : "";
    return wrong(["apiVersion"], "MSH1101", `is missing; write the group and version${hint}`);
  }
  if (apiVersion === "v1" && kind === "Secret") return { is: "ours", kind, apiVersion };
  const [group = "", version = ""] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  const area = areas.find((known) => domains.some((domain) => group === `${known}.${domain}`));
  if (area === undefined) return foreignOrMistyped(kind, apiVersion, group);
  const known = anyKinds.find((one) => one === kind);
  if (known === undefined) return unknownKind(kind, area, group);
  if (areaOf(known) !== area) {
    return wrong(["apiVersion"], "MSH1105", `${kind} is in ${apiVersionOf(known)}, not in ${shown(apiVersion)}`);
  }
  if (!versions[area].includes(version)) {
    const ways = versions[area].map((one) => `${group}/${one}`).join(", ");
    return wrong(["apiVersion"], "MSH1105", `${shown(apiVersion)} is unknown; write one of ${ways}`);
  }
  if (isObjectKind(known) && !apiVersionsOf(known).includes(apiVersion)) {
    const ways = apiVersionsOf(known).join(", ");
    return wrong(["apiVersion"], "MSH1105", `${known} is the mesh's own kind; write ${ways}, not ${shown(apiVersion)}`);
  }
  return { is: "ours", kind: known, apiVersion };
}

function unknownKind(kind: string, area: string, group: string): Envelope {
  if (laterKinds[area]?.includes(kind)) {
    return wrong(["kind"], "MSH1104", `${kind} is not supported yet; leave it out`);
  }
  const here = anyKinds.filter((known) => areaOf(known) === area && isObjectKind(known));
  const near = nearest(kind, here) ?? nearest(kind, anyKinds.filter(isObjectKind));
  const hint = near === undefined ? `it has ${here.join(", ") || "none yet"}` : `did you mean ${near}?`;
  return wrong(["kind"], "MSH1103", `${group} has no kind ${shown(kind)}; ${hint}`);
}

/** A group that is nearly one of ours is a mistake, not somebody else's. */
function foreignOrMistyped(kind: string, apiVersion: string, group: string): Envelope {
  const groups = areas.flatMap((area) => domains.map((domain) => `${area}.${domain}`));
  const near = /(?:mesh|istio)\.?(?:io)?$/.test(group) ? nearest(group, groups) : undefined;
  const ours = Object.hasOwn(kinds, kind) && kind !== "Gateway" && kind !== "Secret";
  if (near === undefined && !ours) return { is: "foreign", kind, apiVersion };
  const known = anyKinds.find((one) => one === kind);
  const meant = known === undefined ? `${near}/v1` : apiVersionOf(known);
  return wrong(["apiVersion"], "MSH1105", `${shown(apiVersion)} is unknown; did you mean ${meant}?`);
}

function areaOf(kind: AnyKind): string {
  return isObjectKind(kind) ? kinds[kind].area : registeredKinds[kind].area;
}

function wrong(path: FieldPath, code: ProblemCode, message: string): Envelope {
  return { is: "wrong", path, code, message };
}
