/** Host patterns as Istio reads them: "*", "*.SUFFIX", or a name. Lower case. */

/** Whether every host that `inner` means is meant by `outer` too. */
export function covers(outer: string, inner: string): boolean {
  if (outer === inner || outer === "*") return true;
  return outer.startsWith("*.") && inner.length > outer.length - 1 && inner.endsWith(outer.slice(1));
}
