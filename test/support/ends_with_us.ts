/** A program that runs a mesh and is told to stop takes the mesh with it. Ctrl-C reaches both; SIGTERM only the program. */
import type { Mesh } from "./mesh.ts";

export function endsWithUs(mesh: Mesh): void {
  for (const [signal, status] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    process.once(signal, () => void mesh.remove().then(() => process.exit(status)));
  }
}
