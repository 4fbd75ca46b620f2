/** The truth, and this node's copy of it: store, replica, and the copy in the API's words. */
import { readFile } from "node:fs/promises";
import { object, text } from "../platform/decode.ts";
import { WeftError } from "../platform/error.ts";
import { openJetStreamStore } from "../store/jetstream/open.ts";
import { Replica } from "../store/replica.ts";
import type { Store } from "../store/store.ts";
import { CountedStore } from "./counted_store.ts";
import { decodeMeshRecord, type MeshRecord } from "./mesh_record.ts";
import { ReplicaMirror } from "./mirror.ts";
import type { NodeContext } from "./parts.ts";

export interface Truth {
  readonly store: CountedStore;
  readonly replica: Replica<MeshRecord>;
  readonly mirror: ReplicaMirror;
}

const account = { user: text(256), pass: text(256) };
const credentialsFile = object(account, { system: object(account) });
/** Copies of each stream on a cluster of NATS servers; fewer servers hold one. */
const copies = 3;

export async function openTruth(context: NodeContext): Promise<Truth> {
  const { clock, stops } = context;
  const store = new CountedStore(await openStore(context));
  stops.add(() => store.close());
  const replica = new Replica({ store, clock, decode: decodeMeshRecord });
  stops.add(() => replica.close());
  return { store, replica, mirror: new ReplicaMirror(replica, store) };
}

async function openStore({ options, clock, random, log, signal }: NodeContext): Promise<Store> {
  const file = await readTextFile(options.natsCredentialsFile);
  const { system, ...credentials } = credentialsFile(JSON.parse(file), options.natsCredentialsFile);
  return openJetStreamStore({
    ...credentials,
    ...(system ? { system } : { assumeSynced: options.assumeNatsSynced }),
    servers: options.nats,
    cluster: options.cluster,
    replicas: options.nats.length >= copies ? copies : 1,
    name: `${options.name} of ${options.cluster}`,
    clock,
    random,
    logger: log,
    signal,
  });
}

export async function readTextFile(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw WeftError.from(cause, `read ${file}`, { code: "not-found", retry: "never" });
  }
}
