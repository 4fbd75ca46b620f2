/** What the map has under the key, or else `make` puts there; as `keepNewest`. */
export function newest<K, V>(of: Map<K, V>, key: K, { most, make }: { readonly most: number; make(): V }): V {
  const known = of.get(key);
  if (known !== undefined) return known;
  const made = make();
  of.set(key, made);
  keepNewest(of, most);
  return made;
}

/** Lets go of what has been longest in a map or set, until no more than `most` are left. */
export function keepNewest<K>(of: Map<K, unknown> | Set<K>, most: number): void {
  for (const oldest of of.keys()) {
    if (of.size <= most) return;
    of.delete(oldest);
  }
}
