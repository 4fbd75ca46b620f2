/**
 * Server-sent events. A stream that its reader does not read is ended at a limit, never buffered without end: the
 * reader comes back and starts over. A comment every now and then shows that the stream lives.
 */
import type { FastifyReply } from "fastify";
import type { Clock } from "../platform/clock.ts";
import { limits } from "../platform/limits.ts";
import { ApiRefusal } from "./problem_details.ts";

export interface EventStream {
  send(event: string, data: object): void;
}

export class EventStreams {
  readonly #clock: Clock;
  readonly #open = new Set<() => void>();
  /** Streams ended because their reader was too slow. */
  overflows = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param begin is given the open stream and answers what stops feeding it. */
  open(reply: FastifyReply, begin: (stream: EventStream) => () => void): void {
    if (this.#open.size >= limits.apiStreams) {
      throw new ApiRefusal("overloaded", `this node has its ${limits.apiStreams} event streams; try another`);
    }
    reply.hijack();
    const { raw } = reply;
    // What hooks set on the reply is not on the raw answer yet.
    raw.writeHead(200, { ...definedHeaders(reply), "content-type": "text/event-stream", "cache-control": "no-store" });
    const write = (text: string): void => {
      if (raw.writableLength > limits.apiStreamBytes) {
        this.overflows++;
        raw.destroy();
      } else raw.write(text);
    };
    const beat = this.#clock.every(limits.apiStreamBeatMs, () => write(": alive\n\n"));
    const stop = begin({ send: (event, data) => write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`) });
    const end = (): void => void raw.end();
    this.#open.add(end);
    raw.on("close", () => {
      beat.cancel();
      stop();
      this.#open.delete(end);
    });
  }

  closeAll(): void {
    for (const end of this.#open) end();
  }
}

function definedHeaders(reply: FastifyReply): Record<string, string | number | readonly string[]> {
  const headers = Object.entries(reply.getHeaders());
  return Object.fromEntries(headers.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}
