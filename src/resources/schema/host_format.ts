/** How hosts and addresses are written. A check answers undefined (good), "" (no such form), or what is wrong beyond that. */
import { isIP } from "node:net";
import { isDnsLabel } from "../../model/names.ts";

// Labels of hosts may have upper case, as in Istio; the model lowers them.
export const hostLabel = /^[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?$/;

/** Its name, and its namespace if it is said. */
export function serviceParts(text: string): readonly string[] {
  return text.replace(/^([^.]+\.[^.]+)\.svc(\.cluster\.local)?$/, "$1").split(".");
}

/** 127.0.0.1:80 or [::1]:80 */
export function listenAddressOf(text: string): { readonly address: string; readonly port: number } | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const address = bracketed ?? plain ?? "";
  const port = Number(digits);
  return isIP(address) !== 0 && port >= 1 && port <= 65_535 ? { address, port } : undefined;
}

export function isNetwork(text: string): boolean {
  const [address = "", bits, ...rest] = text.split("/");
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

export function checkHost(text: string): string | undefined {
  if (text === "*") return undefined;
  const [first = "", ...rest] = text.split(".");
  // The last may be empty: a full name with its dot.
  const named = rest.at(-1) === "" ? rest.slice(0, -1) : rest;
  if (first === "*" && named.length === 0) return "";
  if (first.startsWith("*-")) return "a wildcard must be the whole first label: *.SUFFIX";
  if (first !== "*" && !hostLabel.test(first)) return "";
  if (!named.every((label) => hostLabel.test(label))) return "";
  return /^\d+$/.test(named.at(-1) ?? first)
    ? "its last label must not be a number; an address is no host here"
    : undefined;
}

/** NAMESPACE/HOST. @param words that stand for namespaces. */
export function checkHostOf(text: string, words: readonly string[]): string | undefined {
  const slash = text.indexOf("/");
  const namespace = text.slice(0, Math.max(0, slash));
  return words.includes(namespace) || isDnsLabel(namespace) ? checkHost(text.slice(slash + 1)) : "";
}

export function checkGatewayRef(text: string): string | undefined {
  // NAME.NAMESPACE.svc…, the form of old, is still taken (with a warning).
  if (text.includes(".")) return text.split(".").every(isDnsLabel) ? undefined : "";
  const parts = text.split("/");
  return parts.length <= 2 && parts.every(isDnsLabel) ? undefined : "";
}
