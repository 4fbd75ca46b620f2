/** The live page's files, read once, as the API serves them. */
import { readFile } from "node:fs/promises";
import type { Page } from "../api/server.ts";
import { assets } from "../dashboard/assets.ts";

export async function pagesOf(): Promise<ReadonlyMap<string, Page>> {
  const pages = [...assets].map(
    async ([path, { contentType, file }]) => [path, { contentType, body: await readFile(file) }] as const,
  );
  return new Map(await Promise.all(pages));
}
