/** The nearest right name to a wrong one, so that a mistake can be answered with what was meant. */

/** Edits (insert, delete, replace, swap of neighbours) between two short words. */
export function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const replace = (last[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      let best = Math.min(replace, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (swapped) best = Math.min(best, (beforeLast[j - 2] ?? 0) + 1);
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[to.length] ?? 0;
}

const plain = (word: string): string => word.toLowerCase().replace(/[_-]/g, "");

/** The candidate that was probably meant; undefined when none is near. A word of other case or snake_case is nearest. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > 64) return undefined;
  const wanted = plain(word);
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of candidates) {
    const other = plain(candidate);
    const contained = other.length >= 4 && wanted.length >= 4 && (other.startsWith(wanted) || wanted.startsWith(other));
    const distance = wanted === other ? 0 : Math.min(editDistance(wanted, other), contained ? 2 : Infinity);
    if (distance < bestDistance && distance < wanted.length) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** "; did you mean X?", or the whole list when it is short, or nothing. */
export function suggestion(word: string, candidates: Iterable<string>): string {
  const names = [...candidates];
  const near = nearest(word, names);
  if (near !== undefined) return `; did you mean ${near}?`;
  return names.length > 0 && names.length <= 12 ? `; known here: ${names.join(", ")}` : "";
}
