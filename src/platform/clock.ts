/**
 * Time, as a port. Everything in Weft that waits or reads the time takes a `Clock`, so the same code runs in tests
 * and in the simulator under a clock that they move. Only this module touches the machine's own clock.
 */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall time, milliseconds since the Unix epoch. May jump; use it for what is written down. */
  nowMs(): number;
  /** Milliseconds that never go back; use it to measure. The origin means nothing. */
  monotonicMs(): number;
  /** Runs `action` once after `delayMs`. A timer never keeps the process alive by itself. */
  after(delayMs: number, action: () => void): Timer;
  /** Runs `action` every `periodMs` until cancelled. */
  every(periodMs: number, action: () => void): Timer;
  /** Somebody moves it by hand, so a wait on it must not keep the process alive. */
  readonly virtual?: true;
}

// setTimeout takes a 32-bit delay and fires at once on overflow; a longer wait is cut into pieces of this size.
const longestTimeoutMs = 2 ** 31 - 1;

function afterAnyDelay(delayMs: number, action: () => void): Timer {
  let handle: NodeJS.Timeout;
  const arm = (leftMs: number): void => {
    const sliceMs = Math.min(leftMs, longestTimeoutMs);
    handle = setTimeout(() => (leftMs > sliceMs ? arm(leftMs - sliceMs) : action()), sliceMs);
    handle.unref();
  };
  arm(Math.max(0, delayMs));
  return { cancel: () => clearTimeout(handle) };
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: afterAnyDelay,
  every(periodMs, action) {
    const handle = setInterval(action, periodMs);
    handle.unref();
    return { cancel: () => clearInterval(handle) };
  },
};

/** Resolves after `delayMs`, or rejects with the signal's reason as soon as it is aborted. Keeps the process alive. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    // A clock's own timer does not hold the process; somebody awaits this one, so it must.
    const hold = clock.virtual ? undefined : setInterval(() => {}, longestTimeoutMs);
    const onAbort = (): void => {
      timer.cancel();
      clearInterval(hold);
      reject(signal?.reason);
    };
    const timer = clock.after(delayMs, () => {
      clearInterval(hold);
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
