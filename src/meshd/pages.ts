/** The live page's files, read once, as the API serves them. */
import type { Page } from "../api/server.ts";

export async function pagesOf(): Promise<ReadonlyMap<string, Page>> {
  return new Map();
}
