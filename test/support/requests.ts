/** Requests through a sidecar's outbound port, as an application sends them, and loads of many. */
import { Agent, request as httpRequest } from "node:http";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
}

export interface RequestOptions {
  /** host:port that is connected to. */
  readonly via: string;
  /** The Host header. */
  readonly host?: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly agent?: Agent;
}

export function send(options: RequestOptions): Promise<Answer> {
  const { via, host, path = "/", method = "GET", headers = {}, agent } = options;
  const colon = via.lastIndexOf(":");
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      {
        host: via.slice(0, colon),
        port: via.slice(colon + 1),
        path,
        method,
        headers: { ...headers, ...(host === undefined ? {} : { host }) },
        timeout: 15_000,
        ...(agent ? { agent } : { agent: false }),
      },
      (incoming) => {
        let body = "";
        incoming.setEncoding("utf8");
        incoming.on("data", (chunk: string) => {
          body += chunk;
        });
        incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body }));
        incoming.on("error", reject);
      },
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error("no answer within 15 s")));
    outgoing.on("error", reject);
    outgoing.end();
  });
}

/** Sends `count` requests, `width` at a time over kept connections; failures are answers with status 0. */
export async function sendMany(options: RequestOptions, count: number, width = 16): Promise<readonly Answer[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: width });
  const answers: Answer[] = [];
  let left = count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) answers.push(await send({ ...options, agent }).catch(failed));
  };
  await Promise.all(Array.from({ length: width }, worker));
  agent.destroy();
  return answers;
}

export interface Load {
  /** Resolves when so many more requests have been answered. */
  more(count: number): Promise<void>;
  stop(): Promise<readonly Answer[]>;
}

/** A constant load until `stop`, which answers what came of it. */
export function startLoad(options: RequestOptions, width = 4): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: width });
  const answers: Answer[] = [];
  let on = true;
  let answered = (): void => {};
  const worker = async (): Promise<void> => {
    while (on) {
      answers.push(await send({ ...options, agent }).catch(failed));
      answered();
    }
  };
  const workers = Array.from({ length: width }, worker);
  return {
    more(count) {
      const wanted = answers.length + count;
      return new Promise((resolve) => {
        answered = () => answers.length >= wanted && resolve();
      });
    },
    async stop() {
      on = false;
      await Promise.all(workers);
      agent.destroy();
      return answers;
    },
  };
}

function failed(cause: unknown): Answer {
  return { status: 0, headers: {}, body: cause instanceof Error ? cause.message : String(cause) };
}

export function countBy<T>(items: readonly T[], key: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[key(item)] = (counts[key(item)] ?? 0) + 1;
  return counts;
}
