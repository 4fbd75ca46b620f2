/** Workloads' default names: SERVICE-VERSION, and the next free number after it when somebody live has it. */
import { isDnsLabel } from "../model/names.ts";

const longestName = 63;

export function defaultName(service: string, version: string | undefined): string {
  if (version === undefined || version === "") return service;
  const suffix = version
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return suffix === "" ? service : fitted(service, `-${suffix}`);
}

/** `base` itself, else base-2, base-3, … */
export function firstFree(base: string, taken: (name: string) => boolean): string {
  for (let number = 1; ; number++) {
    const name = number === 1 ? base : fitted(base, `-${number}`);
    if (!taken(name)) return name;
  }
}

/** Cut so that the end, which tells two names apart, is always whole. */
function fitted(start: string, end: string): string {
  const kept = start.slice(0, Math.max(1, longestName - end.length)).replace(/-+$/, "");
  const name = `${kept}${end}`;
  return isDnsLabel(name) ? name : name.slice(0, longestName).replace(/-+$/, "");
}
