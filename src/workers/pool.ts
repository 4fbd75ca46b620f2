/**
 * The node's worker threads. Promises: a bounded queue (full is a retryable refusal), and that every task ends. When a
 * worker dies, its task is rejected; when the last one dies before it could start another (piscina then starts none any
 * more and would leave its queue waiting for ever), everything that waits is rejected and the next task gets a new pool.
 */
import { fileURLToPath } from "node:url";
import { Piscina } from "piscina";
import { WeftError } from "../platform/error.ts";
import { moduleFile } from "../platform/installation.ts";
import { limits } from "../platform/limits.ts";
import type { Logger } from "../platform/log.ts";
import type { ResultOf, Task, TaskResult } from "./messages.ts";

export interface WorkerPoolOptions {
  readonly log: Logger;
  /** Threads at most; one core is left to the main thread. */
  readonly threads: number;
  /** Default limits.workerQueue. */
  readonly queue?: number;
  /** Default: worker.ts or worker.js beside this file, whichever this file is. */
  readonly entry?: URL;
}

export interface WorkerCounts {
  readonly completed: number;
  readonly failed: number;
  readonly refused: number;
  readonly waiting: number;
}

interface Waiting {
  readonly abort: AbortController;
}

export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #waiting = new Set<Waiting>();
  #pool: Piscina<Task, TaskResult> | undefined;
  #closed = false;
  #completed = 0;
  #failed = 0;
  #refused = 0;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  counts(): WorkerCounts {
    return {
      completed: this.#completed,
      failed: this.#failed,
      refused: this.#refused,
      waiting: this.#waiting.size,
    };
  }

  /** @throws WeftError `overloaded` or `unavailable`, both to be tried later. */
  async run<T extends Task>(task: T): Promise<ResultOf<T>> {
    const attempted = `run a ${task.kind} task`;
    if (this.#closed) throw unavailable(attempted, "the pool is closed");
    if (this.#waiting.size >= (this.#options.queue ?? limits.workerQueue)) {
      this.#refused++;
      throw new WeftError({ code: "overloaded", retry: "later", attempted, because: "the workers' queue is full" });
    }
    const waiting: Waiting = { abort: new AbortController() };
    this.#waiting.add(waiting);
    const pool = this.#open();
    try {
      const result = await pool.run(task, { signal: waiting.abort.signal });
      this.#completed++;
      return resultOf(task, result);
    } catch (cause) {
      this.#failed++;
      throw this.#explain(cause, attempted, pool);
    } finally {
      this.#waiting.delete(waiting);
    }
  }

  /** What runs is finished first. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#pool?.close();
  }

  #open(): Piscina<Task, TaskResult> {
    if (this.#pool) return this.#pool;
    const pool = new Piscina<Task, TaskResult>({
      filename: this.#options.entry ? fileURLToPath(this.#options.entry) : moduleFile("workers/worker"),
      minThreads: 1,
      maxThreads: this.#options.threads,
      idleTimeout: Number.POSITIVE_INFINITY,
      // Bounded here, so that the count is exact and shared by all kinds of task.
      maxQueue: Number.POSITIVE_INFINITY,
      recordTiming: false,
    });
    pool.on("error", (cause) => {
      this.#options.log.error("worker died", { because: String(cause) });
      this.#discardIfDead(pool);
    });
    this.#pool = pool;
    return pool;
  }

  /** A thread's errors arrive without their class, so all a task may throw is what is worth another try. */
  #explain(cause: unknown, attempted: string, pool: Piscina<Task, TaskResult>): WeftError {
    // After this turn piscina has taken the dead worker off its list.
    setImmediate(() => this.#discardIfDead(pool));
    const because = cause instanceof Error ? cause.message : String(cause);
    return new WeftError({ code: "unavailable", retry: "later", attempted, because, cause });
  }

  #discardIfDead(pool: Piscina<Task, TaskResult>): void {
    if (this.#pool !== pool || pool.threads.length > 0) return;
    this.#pool = undefined;
    for (const { abort } of this.#waiting) abort.abort(unavailable("run a task", "the last worker died"));
    void pool.destroy();
  }
}

function unavailable(attempted: string, because: string): WeftError {
  return new WeftError({ code: "unavailable", retry: "later", attempted, because });
}

function resultOf<T extends Task>(task: T, result: TaskResult): ResultOf<T> {
  const answers = (found: TaskResult): found is ResultOf<T> => found.kind === task.kind;
  if (answers(result)) return result;
  throw new WeftError({
    code: "internal",
    retry: "never",
    attempted: `run a ${task.kind} task`,
    because: `the worker answered ${result.kind}`,
  });
}
