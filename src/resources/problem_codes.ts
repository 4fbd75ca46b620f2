/**
 * Every problem that reading, checking and analysing resources can find. docs/problems.md lists exactly these; codes
 * are never used twice, nor for something else.
 */
import type { Severity } from "../model/problem.ts";

interface ProblemKind {
  readonly severity: Severity;
  readonly meaning: string;
  readonly remedy: string;
}

const error = (meaning: string, remedy: string): ProblemKind => ({ severity: "error", meaning, remedy });
const warning = (meaning: string, remedy: string): ProblemKind => ({ severity: "warning", meaning, remedy });

export const problemCodes = {
  // Text
  MSH1001: error("The input is too large.", "Split it into several applies."),
  MSH1002: error(
    "The text is not YAML or JSON.",
    "Mend the syntax at the named place; indentation is the usual cause.",
  ),
  MSH1003: error(
    "Objects are nested too deeply.",
    "No resource needs such depth; look for an indentation that only grows.",
  ),
  MSH1004: error("Aliases expand to too much.", "Write the values out instead of repeating anchors."),
  MSH1005: error("A key stands twice in one object.", "Keep one of the two; which one would win is not defined."),
  MSH1006: error("A name that no object may have.", "Choose another name than `__proto__`."),
  MSH1007: error("More documents than one apply takes.", "Split them into several applies."),
  MSH1008: { severity: "info", meaning: "Further problems were found.", remedy: "Mend those shown and look again." },
  // Documents
  MSH1101: error("The document is no resource.", "A resource has `apiVersion`, `kind`, `metadata.name` and `spec`."),
  MSH1102: warning(
    "A kind that is Kubernetes' own (or somebody else's), which the mesh does not need.",
    "Nothing: it is ignored. On this machine, `meshctl run` starts workloads.",
  ),
  MSH1103: error("The API group has no such kind.", "Use the kind that the message names."),
  MSH1104: error(
    "A kind of Istio's that is not supported yet.",
    "Leave it out; `meshctl explain KIND` says what of a kind is supported.",
  ),
  MSH1105: error("The kind is not in this API group or version.", "Use an `apiVersion` that the message names."),
  MSH1106: error("`metadata.name` is missing or no name.", "Lower-case letters, digits, '-' and '.', at most 253."),
  MSH1107: error("The namespace is no name.", "Lower-case letters, digits and '-', at most 63."),
  MSH1108: warning("`istio-system` means the mesh's root namespace, `mesh-system`.", "Write `mesh-system`."),
  MSH1109: error("The same object stands twice in one apply.", "Keep one of the two."),
  MSH1110: error(
    "Workloads and Services are registered by `meshctl run` or by the endpoints API, not applied.",
    "Leave the document out; offline, `meshctl compile` takes it.",
  ),
  // Fields
  MSH1201: error(
    "The kind has no such field.",
    "Use the field that the message names; `meshctl explain KIND` lists all.",
  ),
  MSH1202: error(
    "A field or value that Istio knows and Weft does not support yet.",
    "Leave it out. It is refused and not ignored, so that nobody believes it works.",
  ),
  MSH1203: error("The value has the wrong type.", "Write what the message names."),
  MSH1204: error("A field that must be there is missing.", "Add it."),
  MSH1205: error("The value is none of those that the field takes.", "Use one that the message names."),
  MSH1206: error("The number is out of its range.", "Stay within the range that the message names."),
  MSH1207: error("The text has not the form that the field needs.", "Write it as the message says."),
  MSH1208: error("Not a duration.", "Write 10s, 1.5s, 250ms, 1m or 1h; at least 1ms."),
  MSH1209: error("Fields that exclude each other are set together, or none of them.", "Set one of them."),
  MSH1210: error("An empty list or object where at least one is needed.", "Add one, or leave the field out."),
  MSH1211: error("An item of the list is null.", "Remove the lone '-', or write the item."),
  MSH1212: warning("An old form.", "Write what the message names."),
  // What a kind asks beyond its fields
  MSH1301: error("Host `*` in the mesh.", "`*` is for Gateways; in the mesh name the hosts."),
  MSH1302: error("A host stands twice, or is covered by another of the same VirtualService.", "Keep one."),
  MSH1303: error("All weights of a route are 0, or their sum is too large.", "Give at least one destination a weight."),
  MSH1304: error("A retry policy with no attempts.", "Set `attempts`, or leave the other fields out."),
  MSH1305: error("`exportTo` contradicts itself.", "`*` stands alone, and no namespace stands twice."),
  MSH1306: error("Two subsets, ports or servers share a name or number that must be unique.", "Rename one."),
  MSH1307: error("Settings for a port without a selector.", "Add `selector.matchLabels`: ports are a workload's."),
  MSH1308: error("A DENY without rules never applies.", "Add rules; `rules: [{}]` refuses everything."),
  MSH1309: error("A policy's annotation that would change what it does is not supported yet.", "Remove it."),
  MSH1310: warning(
    "A DENY that names only HTTP attributes also denies everything on the workload's TCP ports.",
    "Name `ports` in the rule if that is not meant.",
  ),
  MSH1311: warning("A selector without labels selects everything.", "Add labels, or leave the selector out."),
  MSH1312: warning("A `*` that is neither first nor last is an ordinary character.", "Write PREFIX* or *SUFFIX."),
  MSH1313: warning("A value that never matches.", "Write it as the message says."),
  MSH1314: warning("A route behind one that takes every request is never reached.", "Move it up, or remove it."),
  MSH1315: error(
    "An answer given here (redirect, directResponse) beside what is for requests that are sent on, or with a status that it cannot have.",
    "Keep one of the two; redirects are 301, 302, 303, 307 or 308.",
  ),
  MSH1316: error(
    "An object in plain words is for a service of its own namespace.",
    "Put the object into the namespace that the message names.",
  ),
  MSH1317: error(
    "A health check without what its protocol asks for, or with what another's does.",
    "Write `path` for http, `grpc_service` for grpc if need be, neither for tcp.",
  ),
  MSH1318: error(
    "A rate limit that counts nothing in particular, or has a time or status that Envoy does not know.",
    "Write it as the message says.",
  ),
  MSH1319: warning(
    "A match by a header named uri, scheme, method or authority is ignored.",
    "Use the match's field of that name.",
  ),
  MSH1321: error(
    "A ServiceEntry's `resolution` and another of its fields do not go together.",
    "Change the field that the message names, or the resolution.",
  ),
  MSH1322: warning("A part of a ServiceEntry that no request reaches.", "Write it as the message says."),
  MSH1323: error(
    "A consistent hash without a key, or a table whose size is no prime.",
    "Write `useSourceIp: true` or another key; take the prime that the message names.",
  ),
  MSH1324: warning(
    "A setting that changes nothing beside another, or without it.",
    "Leave it out, or do what the message says.",
  ),
  MSH1325: error(
    "Shares of localities, regions that come after each other, or labels that order endpoints, that contradict themselves.",
    "Each locality or label stands once, the shares add up to 100, and a region comes after another one.",
  ),
  MSH1326: error(
    "TLS of the user's own without a file that it needs, or with files beside a Secret.",
    "Name the file that the message says, by its path on the proxy's host; or the Secret alone.",
  ),
  MSH1327: warning(
    "A DestinationRule's `credentialName` is for gateways; sidecars speak plaintext.",
    "Nothing, where requests go through a gateway; for sidecars name files, in a rule that they see.",
  ),
  MSH1331: error(
    "A Gateway's `tls` that does not fit its server's protocol or mode: a field is missing, or means nothing there.",
    "Add what the message names, or leave it out.",
  ),
  MSH1332: error("A host in `sniHosts` that the VirtualService is not for.", "Add it to `hosts`, or leave it out."),
  MSH1333: warning(
    "`tls` routes in the mesh: sidecars do not look into TLS that passes them.",
    "Name a Gateway in `gateways`; in the mesh, `tcp` routes by port.",
  ),
  MSH1334: error("A VirtualService without routes.", "Add `http`, `tls` or `tcp`."),
  MSH1335: error(
    "A Telemetry with a selector in the root namespace, which speaks for the whole mesh.",
    "Put it into the workloads' namespace, or leave the selector out.",
  ),
  MSH1341: error(
    "A Secret whose certificate, key or authorities are missing, cannot be read, or do not belong together.",
    "Write what the message says: PEM under tls.crt, tls.key and ca.crt.",
  ),
  MSH1342: error(
    "A Secret as the mesh prints it, without what is in it.",
    "Apply it as it was made; `meshctl delete secret NAME` takes it away.",
  ),
  MSH1343: warning("A Secret has keys that gateways do not read.", "Nothing: they are not stored."),
  // References between objects
  MSH1401: warning("The Gateway that is named does not exist.", "Apply it, or mend the name: NAMESPACE/NAME."),
  MSH1402: warning("The host is no known service.", "Register the service, or mend the name."),
  MSH1403: warning("No DestinationRule defines this subset of the host.", "Add it to the host's DestinationRule."),
  MSH1404: warning("The weights of a route do not add up to 100.", "Make them 100, so that they read as percent."),
  MSH1405: warning("Two VirtualServices are for the same host and place.", "Merge them; otherwise the older one wins."),
  MSH1406: warning("Two DestinationRules are for the same host.", "Merge them; otherwise the older one wins."),
  MSH1407: warning(
    "The VirtualService that is delegated to does not exist, or has hosts.",
    "Apply one without hosts, or mend the name.",
  ),
  MSH1408: warning(
    "Two objects of one kind in plain words are for the same service.",
    "Merge them; otherwise the older one holds.",
  ),
  MSH1409: warning(
    "Two VirtualServices are for the same host at a gateway, which reads their routes one after the other.",
    "Keep their matches apart, so that the order does not matter, or merge them.",
  ),
  MSH1410: warning(
    "A VirtualService's wildcard covers a host that another names: for it the other's routes hold alone.",
    "Repeat there what is meant for both.",
  ),
  MSH1411: warning(
    "Two ServiceEntries are for the same host, or it is a service of the mesh.",
    "Merge them; docs/compatibility.md says which one holds meanwhile.",
  ),
  MSH1412: warning(
    "A port where Gateways ask for what cannot be served together.",
    "Give one of the servers another port or other hosts; the older Gateway's is served.",
  ),
  MSH1413: warning(
    "The Secret that is named is not there, or lacks what is asked of it.",
    "Apply it to the gateway's namespace; until then the server's connections are closed.",
  ),
  MSH1414: warning("A certificate has run out, or its authorities have.", "Apply a new one; clients refuse this one."),
  // Endpoints and workloads
  MSH1501: error("An endpoint or workload names a port that is not declared.", "Declare it in `ports`."),
  MSH1502: error("Two things share an id, name or number.", "Give each its own."),
  MSH1503: error("Too many endpoints of one source for one service.", "Split the service, or the source."),
  MSH1504: error("An endpoint that speaks the mesh's mTLS has no identity.", "Add `serviceAccount`."),
  MSH1505: error("Unknown protocol.", "http, http2, grpc, grpc-web, tcp, tls, https, mongo, redis, mysql, postgres."),
  // What it would lead to (compile/check.ts)
  MSH1601: error("Envoy would refuse what the object leads to.", "Change the field that the message points at."),
  MSH1602: warning("The mesh is frozen: what is applied is stored and waits.", "`meshctl freeze --off` lets it go."),
} as const satisfies Readonly<Record<`MSH${number}`, ProblemKind>>;

export type ProblemCode = keyof typeof problemCodes;
