/** Durations as Istio's users write them: 1h, 1m30s, 1.5s, 250ms. Whole milliseconds. */

const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1, us: 0.001, ns: 0.000_001 };
const whole = /^(?:\d{1,9}(?:\.\d{1,9})?(?:h|ms|m|s|us|ns))+$/;

export function isZero(text: string): boolean {
  return text.length <= 64 && whole.test(text) && !/[1-9]/.test(text);
}

/** Milliseconds, or what is wrong with it. */
export function durationMs(text: string): number | string {
  if (text.length > 64 || !whole.test(text)) return "must be a duration such as 10s, 1.5s, 250ms, 1m or 1h";
  let ms = 0;
  for (const [, figure = "0", unit = "ms"] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|ns)/g)) {
    ms += Number(figure) * (unitMs[unit] ?? 0);
  }
  const rounded = Math.round(ms);
  if (rounded < 1 && ms < 1) return "must be at least 1ms; leave the field out for no limit";
  if (Math.abs(ms - rounded) > 1e-6) return "must be whole milliseconds";
  if (rounded > Number.MAX_SAFE_INTEGER / 1_000) return "is too long";
  return rounded;
}
