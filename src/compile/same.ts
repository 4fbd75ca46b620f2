/** Whether two values of plain immutable data say the same. What is shared is not walked. */
export function same(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (Array.isArray(left)) return Array.isArray(right) && sameList(left, right);
  if (Array.isArray(right)) return false;
  const names = Object.keys(left);
  if (names.length !== Object.keys(right).length) return false;
  const [a, b] = [left as Readonly<Record<string, unknown>>, right as Readonly<Record<string, unknown>>];
  return names.every((name) => Object.hasOwn(b, name) && same(a[name], b[name]));
}

/** The list, with the items of an earlier one where they say the same: what is new and says nothing new need not be kept. */
export function withKnown<T>(now: readonly T[], before: readonly T[]): readonly T[] {
  return now.map((item, at) => {
    const known = before[at];
    return known !== undefined && same(known, item) ? known : item;
  });
}

function sameList(left: readonly unknown[], right: readonly unknown[]): boolean {
  return left.length === right.length && left.every((item, index) => same(item, right[index]));
}
