/**
 * Forms of text that schemas name. Each says what it wants, as a sentence that follows "must be", and checks it. A
 * check answers undefined (good), or what is wrong beyond that.
 */
import { isIP } from "node:net";
import { isServiceAccount, parseSpiffeId } from "../../model/identity.ts";
import { hostFrom, isDnsLabel } from "../../model/names.ts";
import { checkRegex } from "../regex.ts";
import { applicationAddressOf } from "./application_address.ts";
import {
  checkGatewayRef,
  checkHost,
  checkHostOf,
  hostLabel,
  isNetwork,
  listenAddressOf,
  serviceParts,
} from "./host_format.ts";

export interface Format {
  readonly wants: string;
  /** For JSON Schema, where the form is regular. */
  readonly pattern?: RegExp;
  readonly maxLength?: number;
  readonly check?: (text: string) => string | undefined;
  /** Of a form that Istio takes and we do not yet: what to write meanwhile. Asked before the rest. */
  readonly later?: (text: string) => string | undefined;
}

const dnsSubdomain = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$/;
const labelName = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const retryWords: ReadonlySet<string> = new Set([
  ...["5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "envoy-ratelimited"],
  ...["retriable-4xx", "refused-stream", "retriable-status-codes", "retriable-headers", "http3-post-connect-failure"],
  ...["cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable"],
]);

const headerName = {
  wants: "a header's name: letters, digits, '-' and '_'",
  pattern: /^[-_A-Za-z0-9]+$/,
  maxLength: 256,
};

const gatewayProtocols = ["HTTP", "HTTP2", "GRPC", "HTTPS", "TLS", "TCP"];
const laterProtocols = ["GRPC-WEB", "MONGO", "REDIS", "MYSQL"];
/** Of those that Envoy's BoringSSL knows, the ones that need no key agreed on before. TLS 1.3 has its own. */
const cipherSuites: ReadonlySet<string> = new Set([
  ...["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"],
  ...["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"],
  ...["ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA"],
  ...["AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA", "AES256-SHA", "DES-CBC3-SHA"],
]);

/** Labels that say where somebody is, in ways that the mesh does not tell apart. */
const laterPriorityLabels: Readonly<Record<string, string>> = {
  "topology.istio.io/subzone": "sub-zones are not supported yet; topology.kubernetes.io/zone is",
  "topology.istio.io/cluster": "clusters are not told apart yet; topology.istio.io/network is supported",
  "kubernetes.io/hostname": "hosts are not told apart yet; topology.kubernetes.io/zone is supported",
};

export const formats = {
  text: { wants: "text without control characters", check: printable, maxLength: 4_096 },
  name: { wants: "a name of lower-case letters, digits, '-' and '.'", pattern: dnsSubdomain, maxLength: 253 },
  label: {
    wants: "a name of lower-case letters, digits and '-', at most 63 long",
    pattern: /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
    maxLength: 63,
  },
  serviceAccount: {
    wants: "a service account: letters in lower case, digits, '-' and '.'",
    maxLength: 253,
    check: (text) => (isServiceAccount(text) ? undefined : ""),
  },
  subsetName: { wants: "a name of letters, digits and '-', at most 63 long", pattern: hostLabel, maxLength: 63 },
  portName: {
    wants: "a port name that begins with its protocol, such as http or grpc-web",
    pattern: /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/,
    maxLength: 63,
  },
  /** A destination or a rule's subject. */
  host: {
    wants: "a host name such as reviews, reviews.default or example.com, or *.SUFFIX",
    maxLength: 255,
    check: checkHost,
  },
  /** The same without "*" alone: as a destination it would mean nothing. */
  destinationHost: {
    wants: "a host name such as reviews, reviews.default or example.com",
    maxLength: 255,
    check: (text) => (text === "*" ? "'*' is no destination; name a host" : checkHost(text)),
  },
  routedHost: {
    wants: "a host name such as reviews or example.com, *.SUFFIX, an IP address, or * behind a gateway",
    maxLength: 255,
    check: (text) => (isIP(text) ? undefined : checkHost(text)),
  },
  /** Of a ServiceEntry: taken as it stands. */
  entryHost: {
    wants: "a full host name such as api.example.com, or *.SUFFIX",
    maxLength: 255,
    check: (text) => (text === "*" ? "'*' would be every host; name the hosts, or write *.SUFFIX" : checkHost(text)),
  },
  fullHost: {
    wants: "a full host name in lower case, such as db.example.com",
    maxLength: 253,
    check: (text) => (hostFrom(text) ? undefined : ""),
  },
  entryAddress: {
    wants: "an IP address or a network such as 10.0.0.0/8",
    maxLength: 64,
    check: (text) => (isNetwork(text) ? undefined : ""),
  },
  /** Of an endpoint. */
  endpointAddress: {
    wants: "an IP address, or a full DNS name such as db.example.com",
    maxLength: 255,
    check: (text) => (isIP(text) ? undefined : text.startsWith("*") ? "" : checkHost(text)),
    later: (text) => (text.startsWith("unix:") ? "Unix sockets are not supported yet; write an address" : undefined),
  },
  spiffeId: {
    wants: "a SPIFFE ID such as spiffe://cluster.local/ns/shop/sa/cart",
    maxLength: 2_048,
    check: (text) => (parseSpiffeId(text) ? undefined : ""),
    later: (text) =>
      text.includes("://") ? undefined : "names of servers outside of the mesh are not supported yet; SPIFFE IDs are",
  },
  gatewayHost: {
    wants: "a host, *.SUFFIX or *, with NAMESPACE/, ./ or */ before it where only some may bind",
    maxLength: 320,
    check: (text) => (text.includes("/") ? checkHostOf(text, ["*", "."]) : checkHost(text)),
  },
  sniHost: { wants: "a host name such as a.example.com, *.SUFFIX, or *", maxLength: 255, check: checkHost },
  egressHost: {
    wants: "NAMESPACE/HOST, such as ./*, shop/*.shop.svc.cluster.local or */*",
    maxLength: 320,
    check: (text) => checkHostOf(text, ["*", ".", "~"]),
  },
  gatewayRef: { wants: "mesh, a Gateway's NAME, or NAMESPACE/NAME", maxLength: 127, check: checkGatewayRef },
  exportTo: {
    wants: "'.' (the own namespace), '*' (all), or a namespace",
    maxLength: 63,
    check: (text) => (text === "." || text === "*" || isDnsLabel(text) ? undefined : ""),
  },
  labelKey: { wants: "a label's key, such as app or example.com/tier", maxLength: 317, check: checkLabelKey },
  labelValue: {
    wants: "a label's value: letters, digits, '-', '_' and '.', at most 63",
    pattern: /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/,
    maxLength: 63,
  },
  annotationValue: { wants: "text", maxLength: 256 * 1024 },
  setHeader: {
    wants: "a header's name (letters, digits, '-' and '_') or :authority",
    pattern: /^(:authority|[-_A-Za-z0-9]+)$/,
    maxLength: 256,
  },
  /** Envoy changes the Host in one way alone. */
  changedHeader: {
    ...headerName,
    check: (text: string) =>
      text.toLowerCase() === "host" ? "the Host can only be set, on requests; so can rewrite.authority" : undefined,
  },
  headerValue: {
    wants: "text without control characters, in which %VARIABLE% is Envoy's and %% a percent sign",
    maxLength: 4_096,
    check: (text) => printable(text) ?? checkVariables(text),
  },
  responseBody: {
    wants: "text of at most 4,096 bytes",
    check: (text) => (Buffer.byteLength(text) > 4_096 ? "" : undefined),
  },
  queryName: { wants: "a parameter's name", maxLength: 1_024, check: (text) => notEmpty(text) ?? printable(text) },
  headerName,
  cookieName: {
    wants: "a cookie's name: visible characters without separators",
    pattern: /^[-!#$%&'*+.^_`|~0-9A-Za-z]+$/,
    maxLength: 256,
  },
  cookieAttribute: { wants: "text without ';'", pattern: /^[\x20-\x3a\x3c-\x7e]*$/, maxLength: 1_024 },
  cookiePath: { wants: "a path such as /shop, without ';'", pattern: /^\/[\x20-\x3a\x3c-\x7e]*$/, maxLength: 1_024 },
  regex: { wants: "a regular expression of RE2", check: checkRegex },
  urlPath: { wants: "a path such as /healthz", pattern: /^\/[\x21-\x7e]*$/, maxLength: 2_048 },
  grpcService: { wants: "a service's name, such as shop.Cart", pattern: /^[A-Za-z0-9_.]+$/, maxLength: 253 },
  prefix: { wants: "text that is not empty", maxLength: 4_096, check: (text) => notEmpty(text) ?? printable(text) },
  retryOn: { wants: "retry conditions and status codes, separated by commas", maxLength: 512, check: checkRetryOn },
  port: {
    wants: "a port number from 1 to 65535",
    pattern: /^[1-9][0-9]{0,4}$/,
    maxLength: 5,
    check: (text) => (Number(text) <= 65_535 ? undefined : ""),
  },
  policyPort: {
    wants: 'a port number in quotes, such as "8080"',
    pattern: /^[0-9]{1,5}$/,
    maxLength: 5,
    check: (text) => (Number(text) <= 65_535 ? undefined : ""),
  },
  policyValue: {
    wants: 'text: VALUE, PREFIX*, *SUFFIX, or "*" for any that is present',
    maxLength: 4_096,
    check: (text) => notEmpty(text) ?? printable(text),
  },
  policyPath: {
    wants: 'a path: VALUE, PREFIX*, *SUFFIX, or "*"',
    maxLength: 4_096,
    check: (text) => notEmpty(text) ?? printable(text),
    later: (text) =>
      /\{\*{1,2}\}/.test(text) ? "path templates are not supported yet; write PREFIX* or *SUFFIX" : undefined,
  },
  gatewayProtocol: {
    wants: "HTTP, HTTP2, GRPC, HTTPS, TLS or TCP",
    maxLength: 16,
    check: (text) => (gatewayProtocols.includes(text.toUpperCase()) ? undefined : ""),
    later: (text) =>
      laterProtocols.includes(text.toUpperCase())
        ? `is not supported yet; ${gatewayProtocols.join(", ")} are, and TCP carries any`
        : undefined,
  },
  filePath: { wants: "an absolute path on the proxy's host", maxLength: 1_024, check: checkFilePath },
  cipherSuite: {
    wants: `one of ${[...cipherSuites].join(", ")}`,
    maxLength: 64,
    check: (text) => (cipherSuites.has(text) ? undefined : ""),
  },
  protocol: { wants: "a protocol, such as http, http2, grpc, tcp or tls", maxLength: 16, check: notEmpty },
  ip: {
    wants: "an IPv4 or IPv6 address, not a name",
    maxLength: 45,
    check: (text) => (isIP(text) ? undefined : ""),
  },
  listenAddress: {
    wants: "ADDRESS:PORT, such as 127.0.0.1:15001",
    maxLength: 53,
    check: (text) => (listenAddressOf(text) ? undefined : ""),
  },
  /** Of a Sidecar's ingress. */
  applicationAddress: {
    wants: "127.0.0.1:PORT, [::1]:PORT, 0.0.0.0:PORT or [::]:PORT, or unix:///PATH of at most 107 bytes",
    maxLength: 128,
    check: (text) => (applicationAddressOf(text) ? undefined : ""),
  },
  serviceRef: {
    wants: "a service: NAME of the own namespace, or NAME.NAMESPACE",
    maxLength: 127,
    check: (text) => (text.split(".").length <= 2 && text.split(".").every(isDnsLabel) ? undefined : ""),
  },
  /** Of the mesh: short, or in full. */
  serviceHost: {
    wants: "a service: NAME of the own namespace, NAME.NAMESPACE, or NAME.NAMESPACE.svc.cluster.local",
    maxLength: 253,
    check: (text) => (serviceParts(text).length <= 2 && serviceParts(text).every(isDnsLabel) ? undefined : ""),
  },
  workloadName: {
    wants: "a workload: NAME.NAMESPACE",
    pattern: /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
    maxLength: 127,
  },
  locality: {
    wants: "REGION/ZONE, or REGION",
    pattern: /^([A-Za-z0-9._-]{1,128}(\/[A-Za-z0-9._-]{0,128})?)?$/,
    maxLength: 257,
  },
  localityPattern: {
    wants: "REGION/ZONE, REGION/* for all of its zones, or * for everywhere",
    pattern: /^(\*|[A-Za-z0-9._-]{1,128}(\/(\*|[A-Za-z0-9._-]{1,128}(\/\*)?))?)$/,
    maxLength: 259,
    later: (text) =>
      text.split("/").length === 3 && !text.endsWith("/*")
        ? "sub-zones are not supported yet; write REGION/ZONE"
        : undefined,
  },
  priorityLabel: {
    wants: "a label's key, such as version, or KEY=VALUE",
    maxLength: 381,
    check: checkPriorityLabel,
    later: (text) => laterPriorityLabels[text.split("=")[0] ?? ""],
  },
  region: { wants: "a region, without its zones", pattern: /^[A-Za-z0-9._-]{1,128}$/, maxLength: 128 },
  serverName: {
    wants: "a host name such as example.com",
    maxLength: 255,
    check: (text) => (text.startsWith("*") ? "" : checkHost(text)),
  },
  subjectAltName: {
    wants: "a name as certificates have it: a host, an address or a URI",
    pattern: /^[\x21-\x7e]+$/,
    maxLength: 2_048,
  },
  endpointId: { wants: "an id: text without spaces or control characters", pattern: /^[\x21-\x7e]+$/, maxLength: 253 },
} as const satisfies Readonly<Record<string, Format>>;

export type FormatName = keyof typeof formats;

/** undefined: good. Otherwise a sentence that follows the field's path. */
export function checkFormat(name: FormatName, text: string): string | undefined {
  const format: Format = formats[name];
  const quoted = shown(text);
  if (format.maxLength !== undefined && text.length > format.maxLength) {
    return `${quoted} is ${text.length} characters long; at most ${format.maxLength} are taken`;
  }
  const wanted = `must be ${format.wants}, not ${quoted}`;
  if (format.pattern && !format.pattern.test(text)) return wanted;
  const wrong = format.check?.(text);
  if (wrong === undefined) return undefined;
  return wrong === "" ? wanted : `${quoted}: ${wrong}`;
}

/** What to write instead of a form that is not supported yet; undefined: it is none. */
export function unsupportedForm(name: FormatName, text: string): string | undefined {
  const format: Format = formats[name];
  const instead = format.later?.(text);
  return instead === undefined ? undefined : `${shown(text)}: ${instead}`;
}

/** Quoted, escaped, cut: safe in a message, whatever it holds. */
export function shown(text: string): string {
  return text.length > 64 ? `${JSON.stringify(text.slice(0, 60))}…` : JSON.stringify(text);
}

function notEmpty(text: string): string | undefined {
  return text === "" ? "must not be empty" : undefined;
}

function printable(text: string): string | undefined {
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20 || code === 0x7f) return "holds a control character";
  }
  return undefined;
}

/** A "~" parts the two paths of a pair in the name of its secret. */
function checkFilePath(text: string): string | undefined {
  if (!text.startsWith("/")) return "";
  return text.includes("~") ? "'~' cannot stand in it; give the directory another name" : printable(text);
}

function checkVariables(text: string): string | undefined {
  const rest = text.replace(/%%|%[A-Z_]+(\([^()%]*\))?(:\d+)?%/g, "");
  return rest.includes("%") ? "a % begins a variable, as in %REQ(x-user)%; write %% for the sign" : undefined;
}

function checkLabelKey(text: string): string | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return labelName.test(text) ? undefined : "";
  const domain = text.slice(0, slash);
  return domain.length <= 253 && dnsSubdomain.test(domain) && labelName.test(text.slice(slash + 1)) ? undefined : "";
}

function checkPriorityLabel(text: string): string | undefined {
  const [key = "", value = "", ...rest] = text.split("=");
  const good = rest.length === 0 && (value === "" || labelName.test(value));
  return good ? checkLabelKey(key) : "";
}

function checkRetryOn(text: string): string | undefined {
  for (const word of text === "" ? [] : text.split(",")) {
    const code = /^[1-5][0-9]{2}$/.test(word);
    if (!code && !retryWords.has(word)) {
      return `${shown(word)} is no retry condition; Envoy knows ${[...retryWords].sort().join(", ")}, and status codes`;
    }
  }
  return undefined;
}
