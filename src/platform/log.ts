/**
 * Logs are events with fields, one JSON object a line on stderr. A field that carries a secret is wrapped in `Secret`,
 * which prints as [redacted] wherever it ends up.
 */
import { inspect } from "node:util";
import { destination, pino } from "pino";

export interface Logger {
  debug(event: string, fields?: Record<string, unknown>): void;
  info(event: string, fields?: Record<string, unknown>): void;
  warn(event: string, fields?: Record<string, unknown>): void;
  error(event: string, fields?: Record<string, unknown>): void;
  /** A logger whose every event carries `fields`. */
  with(fields: Record<string, unknown>): Logger;
}

/** What stands in the place of a secret wherever it is printed. */
export const redacted = "[redacted]";

/** A value that must be handed around but never printed. */
export class Secret<T> {
  readonly #value: T;
  constructor(value: T) {
    this.#value = value;
  }
  reveal(): T {
    return this.#value;
  }
  toString(): string {
    return redacted;
  }
  toJSON(): string {
    return redacted;
  }
  [inspect.custom](): string {
    return redacted;
  }
}

interface PinoLike {
  debug(fields: object, event: string): void;
  info(fields: object, event: string): void;
  warn(fields: object, event: string): void;
  error(fields: object, event: string): void;
  child(fields: object): PinoLike;
}

function overPino(sink: PinoLike): Logger {
  return {
    debug: (event, fields = {}) => sink.debug(printable(fields), event),
    info: (event, fields = {}) => sink.info(printable(fields), event),
    warn: (event, fields = {}) => sink.warn(printable(fields), event),
    error: (event, fields = {}) => sink.error(printable(fields), event),
    with: (fields) => overPino(sink.child(printable(fields))),
  };
}

/** An Error has no enumerable fields, so JSON would lose all that it says. */
function printable(fields: Record<string, unknown>): Record<string, unknown> {
  const shown = Object.entries(fields).map(([name, value]) => [
    name,
    value instanceof Error ? { message: value.message, stack: value.stack, cause: String(value.cause ?? "") } : value,
  ]);
  return Object.fromEntries(shown);
}

/** @param level debug | info | warn | error; from MESHCTL_LOG_LEVEL in the programs. */
export function stderrLogger(program: string, level = "info"): Logger {
  return overPino(pino({ level, base: { program, pid: process.pid }, messageKey: "event" }, destination(2)));
}

export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  with: () => silentLogger,
};
