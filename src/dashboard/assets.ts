/**
 * The live page's files, as the API serves them: path → type and where the bytes are. Plain HTML, CSS and JavaScript
 * modules that a browser runs as they are; nothing is fetched from anywhere else (the page's own policy forbids it).
 */
import { join } from "node:path";

export interface Asset {
  readonly contentType: string;
  /** Path of the file. */
  readonly file: string;
}

const script = "text/javascript; charset=utf-8";
const names: readonly (readonly [path: string, name: string, contentType: string])[] = [
  ["/", "index.html", "text/html; charset=utf-8"],
  ["/dashboard/page.css", "page.css", "text/css; charset=utf-8"],
  ["/dashboard/icon.svg", "icon.svg", "image/svg+xml"],
  ...["main", "live", "graph_layout", "graph_view", "figures", "panels", "elements"].map(
    (name) => [`/dashboard/${name}.js`, `${name}.js`, script] as const,
  ),
];

export const assets: ReadonlyMap<string, Asset> = new Map(
  names.map(([path, name, contentType]) => [path, { contentType, file: join(import.meta.dirname, "page", name) }]),
);
