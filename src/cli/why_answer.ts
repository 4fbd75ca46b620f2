/** The answer to "why" as the API and the compiler say it (compile/why_document.ts), read once where it enters. */
import { boolean, type Decoded, integer, list, number, object, oneOf, record, text } from "../platform/decode.ts";

const objectRef = object({ kind: text(), namespace: text(), name: text() });
const position = object({ line: integer(), column: integer() }, { file: text() });
const partFields = { object: objectRef, field: text() };
/** The position of the part itself, or file:line of the document that was applied. */
const written = { position, origin: text() };
const part = object(partFields, written);
const setting = object({ ...partFields, fields: list(text()) }, written);
const share = number(0, 1);
const counts = object({ healthy: integer(), unhealthy: integer(), draining: integer() });
const hashed = object(
  { key: object({ kind: text() }, { name: text() }), is: oneOf("value", "absent", "given", "address") },
  { value: text() },
);
const destination = object(
  {
    cluster: text(),
    share,
    exists: boolean,
    declaredBy: list(part),
    settings: list(setting),
    request: object({ authority: text(), path: text(), headers: record(text()) }),
    hashed: list(hashed),
  },
  { endpoints: counts },
);
const outcome = object(
  { kind: oneOf("forward", "redirect", "respond", "preflight", "not-listened-for") },
  {
    status: integer(),
    location: text(),
    body: text(),
    headers: record(text()),
    destinations: list(destination),
    mirrors: list(object({ cluster: text(), percent: number(0, 100) })),
    timeoutMs: integer(),
    retries: object({ attempts: integer(), on: list(text()) }, { perTryTimeoutMs: integer() }),
  },
);
const maker = object({ kind: oneOf("object", "destination", "mesh") }, { ...partFields, ...written, host: text() });
const treatment = object({}, { timeout: part, retries: part, delay: part, abort: part });
const route = object({ treatment }, { name: text(), madeBy: maker, delegatedBy: part });
const faults = object(
  {},
  { delay: object({ ms: integer(), share }), abort: object({ status: integer(), share }, { grpc: integer() }) },
);

export const whyAnswer = object(
  { from: text(), outcome },
  { virtualHost: text(), route, faults, crossOrigin: record(text()) },
);
export type WhyAnswer = Decoded<typeof whyAnswer>;
export type WhyDestination = Decoded<typeof destination>;
export type WhyHashed = Decoded<typeof hashed>;
/** A part of an object, with where it stands if the files were at hand. */
export type WhyPart = Decoded<typeof part>;
