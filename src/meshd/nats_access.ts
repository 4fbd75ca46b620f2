/**
 * How this node gets at NATS, from the files that its command line names. The credentials file is JSON:
 *
 *   {"user","pass"}   the node's own account: reads and writes its cluster's records, speaks to other nodes
 *   "system"          optional: shows once, at start, that the servers sync before they acknowledge
 *   "restore"         optional: may change the subjects of the records' stream, which a restore does
 */
import { object, text } from "../platform/decode.ts";
import type { Credentials, NatsTls } from "../store/jetstream/connection.ts";
import type { MeshdOptions } from "./options.ts";
import { readTextFile } from "./text_file.ts";

const account = { user: text(256), pass: text(256) };
const credentialsFile = object(account, { system: object(account), restore: object(account) });

export interface NodeCredentials extends Credentials {
  readonly system?: Credentials;
  readonly restore?: Credentials;
}

export async function readCredentials(options: MeshdOptions): Promise<NodeCredentials> {
  const path = options.natsCredentialsFile;
  const { system, restore, ...own } = credentialsFile(JSON.parse(await readTextFile(path)), path);
  const tls = options.natsTls && { tls: await readTls(options.natsTls) };
  return {
    ...own,
    ...tls,
    ...(system && { system: { ...system, ...tls } }),
    ...(restore && { restore: { ...restore, ...tls } }),
  };
}

async function readTls({ caFile, own }: NonNullable<MeshdOptions["natsTls"]>): Promise<NatsTls> {
  const ca = await readTextFile(caFile);
  if (!own) return { ca };
  return { ca, own: { cert: await readTextFile(own.certFile), key: await readTextFile(own.keyFile) } };
}
