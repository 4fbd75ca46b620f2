/** Lets go of what has been longest in a map or set, until no more than `most` are left. */
export function keepNewest<K>(of: Map<K, unknown> | Set<K>, most: number): void {
  for (const oldest of of.keys()) {
    if (of.size <= most) return;
    of.delete(oldest);
  }
}
