/** JSON calls to a node's API over kept connections. */
import { Agent, request } from "node:http";

export class Api {
  readonly #agent = new Agent({ keepAlive: true });

  call(method: string, url: string, body?: unknown): Promise<Record<string, unknown>> {
    const headers = { "content-type": "application/json" };
    return new Promise((resolve, reject) => {
      const outgoing = request(url, { method, agent: this.#agent, headers, timeout: 10_000 }, (incoming) => {
        let text = "";
        incoming.on("data", (chunk: Buffer) => {
          text += chunk;
        });
        incoming.on("end", () => {
          if (incoming.statusCode === 200) resolve(JSON.parse(text));
          else reject(new Error(`${method} ${url}: ${incoming.statusCode} ${text}`));
        });
      });
      outgoing.on("timeout", () => outgoing.destroy(new Error(`${method} ${url}: no answer in 10 s`)));
      outgoing.on("error", reject);
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
