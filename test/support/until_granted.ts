/** What a question answers that may be refused for now: servers agree on a leader, or still remove a stream that was deleted. */
import { setTimeout as wait } from "node:timers/promises";
import { WeftError } from "../../src/platform/error.ts";

const pauseMs = 100;
const attempts = 200;

export async function untilGranted<Value>(ask: () => Promise<Value>): Promise<Value> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof WeftError && error.retry === "later") || attempt === attempts) throw error;
      await wait(pauseMs);
    }
  }
}
