/**
 * dev.json: what a mesh that runs on this machine says of itself, in its state directory, readable by its owner only
 * (0600). `meshctl dev` writes it with `printMeshFile` when all is up and again whenever a pid changes, and removes it
 * when it ends; every other command reads it here.
 */
import { type Decode, integer, list, object, text } from "../platform/decode.ts";

export const meshFileName = "dev.json";

export interface MeshNode {
  readonly name: string;
  readonly pid: number;
  /** URL of its API: http://127.0.0.1:15080 */
  readonly api: string;
  /** host:port */
  readonly xds: string;
  readonly xdsPlaintext?: string;
  /** host:port of its agent listener; what a join token carries. */
  readonly agents: string;
  readonly cluster: string;
}

export interface MeshFile {
  /** Of `meshctl dev` itself. */
  readonly pid: number;
  /** ISO 8601. */
  readonly startedAt: string;
  /** Bearer token of the API; null: none is needed from loopback. */
  readonly token: string | null;
  readonly nodes: readonly MeshNode[];
  readonly nats: readonly { readonly name: string; readonly pid: number; readonly url: string }[];
  readonly agents: readonly MeshAgent[];
  readonly clusters: readonly string[];
  /** URL of the live page; null: it is not served. */
  readonly dashboard: string | null;
}

export interface MeshAgent {
  readonly name: string;
  readonly pid: number;
  /** Path of its Unix socket. */
  readonly socket: string;
}

export function printMeshFile(mesh: MeshFile): string {
  return `${JSON.stringify(mesh, null, 2)}\n`;
}

const process = { name: text(), pid: integer(1) };

const meshFile: Decode<MeshFile> = object({
  pid: integer(1),
  startedAt: text(),
  token: textOrNull,
  nodes: list(
    object({ ...process, api: text(), xds: text(), agents: text(), cluster: text() }, { xdsPlaintext: text() }),
  ),
  nats: list(object({ ...process, url: text() })),
  agents: list(object({ ...process, socket: text() })),
  clusters: list(text()),
  dashboard: textOrNull,
});

/** Throws when it is no such file; the message says what is wrong with it. */
export function parseMeshFile(source: string): MeshFile {
  return meshFile(JSON.parse(source), meshFileName);
}

function textOrNull(value: unknown, path: string): string | null {
  return value === null || value === undefined ? null : text()(value, path);
}
