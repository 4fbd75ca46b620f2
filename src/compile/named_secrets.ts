/** Secrets of the user's that a proxy's configuration names: it has to ask its host's agent for them. Pure. */
import { secretsOfOwn } from "../model/gateway.ts";
import type { SecretName } from "../model/secret_name.ts";
import { secretsIn } from "../model/traffic.ts";
import type { Item } from "./ir.ts";

/** @param items of the proxy's layers, the widest first: a later one of a name hides an earlier. */
export function namedSecrets(items: Iterable<Item>): readonly SecretName[] {
  const told = new Map<string, Item>();
  for (const item of items) {
    if (item.type === "listener" || item.type === "cluster") told.set(`${item.type} ${item.name}`, item);
  }
  return [...new Set([...told.values()].flatMap(secretsOf))];
}

function secretsOf(item: Item): readonly SecretName[] {
  if (item.type === "listener") {
    return item.chains.flatMap(({ tls }) => (tls?.own ? secretsOfOwn(tls.own) : []));
  }
  if (item.type !== "cluster" || !("tls" in item.upstream)) return [];
  const { tls } = item.upstream;
  return tls.mode === "own" ? secretsIn(tls.tls) : [];
}
