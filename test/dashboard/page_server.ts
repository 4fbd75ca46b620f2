/**
 * Serves the live page with facts that the caller chooses, for tests and for looking at it:
 * `node test/dashboard/page_server.ts [API_URL]` prints its URL; with a URL, facts come from that mesh.
 */
import { readFileSync } from "node:fs";
import { createServer, get, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { assets } from "../../src/dashboard/assets.ts";
import { proxies, resources, topology } from "./recorded.ts";

export interface Facts {
  readonly topology: unknown;
  readonly proxies: unknown;
  readonly resources: unknown;
}

export const recorded: Facts = { topology, proxies, resources };

/** @param port 0: any free one. */
export async function servePage(
  source: Facts | URL,
  port = 0,
): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer((request, response) => {
    const path = request.url ?? "/";
    const asset = assets.get(path);
    if (asset) return void response.writeHead(200, { "content-type": asset.contentType }).end(readFileSync(asset.file));
    if (source instanceof URL) return onward(new URL(path, source), response);
    const facts = new Map([
      ["/v1/topology", source.topology],
      ["/v1/proxies", source.proxies],
      ["/v1/resources", source.resources],
    ]);
    if (path === "/v1/topology/events") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const tell = (): void => void response.write(`event: topology\ndata: ${JSON.stringify(source.topology)}\n\n`);
      tell();
      const timer = setInterval(tell, 1_000);
      response.on("close", () => clearInterval(timer));
    } else if (facts.has(path)) response.end(JSON.stringify(facts.get(path)));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server };
}

function onward(url: URL, response: ServerResponse): void {
  const request = get(url, { agent: false }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  request.on("error", () => response.destroy());
  response.on("close", () => request.destroy());
}

if (import.meta.main) {
  const [api] = process.argv.slice(2);
  const { url } = await servePage(api === undefined ? recorded : new URL(api));
  console.log(url);
}
