/**
 * What the disk itself takes beside what is measured: a store's write waits for it, and on some machines it stands still for
 * half a second now and then. A tail that is the disk's says nothing of a control plane.
 */
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { quantile } from "../quantile.ts";

// A record of ten endpoints with its message's headers.
const recordBytes = 600;
const betweenMs = 50;

export interface DiskFigures {
  readonly p99Ms: number;
  readonly worstMs: number;
}

/**
 * Appends and syncs a record's worth of bytes 20 times a second, where a node's state lies. What would have been due while one
 * sync took longer waits for it, and counts.
 */
export function watchDisk(): { stop(): Promise<DiskFigures> } {
  const tooks: number[] = [];
  let watching = true;
  const watch = async (): Promise<void> => {
    const folder = await mkdtemp(join(tmpdir(), "weft-disk-"));
    const file = await open(join(folder, "syncs"), "a");
    while (watching) {
      const sinceMs = performance.now();
      await file.write(Buffer.alloc(recordBytes));
      await file.sync();
      for (let tookMs = performance.now() - sinceMs; tookMs > 0; tookMs -= betweenMs) tooks.push(tookMs);
      await wait(betweenMs);
    }
    await file.close();
    await rm(folder, { recursive: true });
  };
  const watched = watch();
  return {
    async stop() {
      watching = false;
      await watched;
      return { p99Ms: quantile(tooks, 0.99), worstMs: quantile(tooks, 1) };
    },
  };
}
