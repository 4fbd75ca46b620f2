/** Those who wait for a condition on the replica. Each is asked again whenever something was published. */
interface Waiter {
  /** Whether it is settled now. */
  readonly settle: () => boolean;
  readonly reject: (cause: Error) => void;
}

export class Waiters {
  readonly #waiting = new Set<Waiter>();

  /** Resolves when `holds` answers true; rejects with what it throws, or with the signal's reason. */
  until(holds: () => boolean, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        this.#waiting.delete(waiter);
        reject(signal?.reason);
      };
      const settle = (): boolean => {
        try {
          if (!holds()) return false;
          resolve();
        } catch (cause) {
          reject(cause);
        }
        signal?.removeEventListener("abort", onAbort);
        return true;
      };
      const waiter: Waiter = { settle, reject };
      if (settle()) return;
      this.#waiting.add(waiter);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  check(): void {
    for (const waiter of this.#waiting) if (waiter.settle()) this.#waiting.delete(waiter);
  }

  rejectAll(cause: Error): void {
    for (const waiter of this.#waiting) waiter.reject(cause);
    this.#waiting.clear();
  }
}
