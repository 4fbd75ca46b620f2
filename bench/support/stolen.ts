/** What a virtual machine's host kept for others: it shows in every tail, and is nobody's here. */
import { existsSync, readFileSync } from "node:fs";

const tickMs = 10;

/** CPU time withheld from all cores together since the machine started, in ms; 0 where nobody counts it. */
export function stolenMs(): number {
  if (!existsSync("/proc/stat")) return 0;
  // cpu user nice system idle iowait irq softirq steal …
  const [all = ""] = readFileSync("/proc/stat", "utf8").split("\n");
  return tickMs * Number(all.split(/\s+/)[8] ?? 0);
}
