/** How long, in words for people: the largest unit that fits, and the next one where it says something. */

const units = [
  { word: "day", ms: 86_400_000 },
  { word: "hour", ms: 3_600_000 },
  { word: "minute", ms: 60_000 },
  { word: "second", ms: 1_000 },
] as const;

/** "6 days 23 hours", "23 hours 56 minutes", "1 minute", "4 seconds"; rounded down, so that what is left is not overstated. */
export function span(ms: number): string {
  if (!Number.isFinite(ms)) return "ever";
  const largest = units.findIndex((unit) => ms >= unit.ms);
  const [first, second] = units.slice(largest < 0 ? units.length - 1 : largest);
  if (!first) return "";
  const whole = Math.floor(ms / first.ms);
  const rest = second ? Math.floor((ms - whole * first.ms) / second.ms) : 0;
  return second && rest > 0
    ? `${counted(whole, first.word)} ${counted(rest, second.word)}`
    : counted(whole, first.word);
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
