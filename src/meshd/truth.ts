/** The truth, and this node's copy of it: store, replica, and the copy in the API's words. */
import { type OpenJetStreamOptions, openJetStreamStore } from "../store/jetstream/open.ts";
import type { RecordFormat } from "../store/record_format.ts";
import { Replica } from "../store/replica.ts";
import { CountedStore } from "./counted_store.ts";
import { decodeMeshRecord, isShardKey, type MeshRecord, meshRecordKinds } from "./mesh_record.ts";
import { ReplicaMirror } from "./mirror.ts";
import { type NodeCredentials, readCredentials } from "./nats_access.ts";
import type { NodeContext } from "./parts.ts";

export { readCredentials } from "./nats_access.ts";
export { readTextFile } from "./text_file.ts";

export interface Truth {
  readonly store: CountedStore;
  readonly replica: Replica<MeshRecord>;
  readonly mirror: ReplicaMirror;
  /** How the store was opened, and what else the credentials file named. */
  readonly opened: OpenedStore;
}

export interface OpenedStore {
  readonly credentials: NodeCredentials;
  readonly options: OpenJetStreamOptions;
}

/** Copies of each stream on a cluster of NATS servers; fewer servers hold one. */
const copies = 3;

/** @param format what records are to be written in. */
export async function openTruth(context: NodeContext, format: () => RecordFormat): Promise<Truth> {
  const { clock, stops } = context;
  const opened = await storeOptions(context, format);
  const store = new CountedStore(await openJetStreamStore(opened.options));
  stops.add(() => store.close());
  const replica = new Replica({ store, clock, decode: decodeMeshRecord, isLean: isShardKey, kinds: meshRecordKinds });
  stops.add(() => replica.close());
  return { store, replica, mirror: new ReplicaMirror(replica, store), opened };
}

async function storeOptions(context: NodeContext, format: () => RecordFormat): Promise<OpenedStore> {
  const { options, clock, random, log, signal } = context;
  const credentials = await readCredentials(options);
  const { system, restore: _, ...own } = credentials;
  return {
    credentials,
    options: {
      ...own,
      ...(system ? { system } : { assumeSynced: options.assumeNatsSynced }),
      servers: options.nats,
      cluster: options.cluster,
      replicas: options.nats.length >= copies ? copies : 1,
      name: `${options.name} of ${options.cluster}`,
      clock,
      random,
      logger: log,
      signal,
      format,
    },
  };
}
