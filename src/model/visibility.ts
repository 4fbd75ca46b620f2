/** Who sees what is exported: `exportTo`. */
import type { Namespace } from "./names.ts";

/** An empty list is Istio's default: everybody. */
export function isVisible(exportTo: readonly string[], namespace: Namespace): boolean {
  return isPublic(exportTo) || exportTo.includes(namespace);
}

export function isPublic(exportTo: readonly string[]): boolean {
  return exportTo.length === 0 || exportTo.includes("*");
}
