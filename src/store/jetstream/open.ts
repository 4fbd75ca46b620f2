/**
 * Opens the store of a cluster over JetStream: connects, checks that the servers sync, makes the streams if they are
 * missing. Waits for the servers as long as the signal allows; after that the store goes on through every outage.
 */
import { type Clock, sleep } from "../../platform/clock.ts";
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import { jittered, type Random } from "../../platform/random.ts";
import { newestFormat, type RecordFormat } from "../record_format.ts";
import type { Store } from "../store.ts";
import { Connection, type Credentials, type Session } from "./connection.ts";
import { checkSynced } from "./durability.ts";
import { type StreamNames, streamNames } from "./names.ts";
import { JetStreamStore } from "./store.ts";
import { ensureStream, type StreamState } from "./streams.ts";

export interface OpenJetStreamOptions extends Credentials {
  /** nats://host:port of one or more servers of the cluster's own NATS. */
  readonly servers: readonly string[];
  /** The Weft cluster: its streams and subjects carry the name. */
  readonly cluster: string;
  /** Copies of each stream: 1, or 3 on three servers. Only when a stream is made. */
  readonly replicas: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Credentials of the NATS system account, to check `sync_interval: always`. */
  readonly system?: Credentials;
  /** Instead of `system`: whoever started the servers vouches that they sync before they acknowledge. */
  readonly assumeSynced?: boolean;
  /** How this client is named on the server's pages. */
  readonly name?: string;
  readonly signal?: AbortSignal;
  /** What records are to be written in now; the newest unless somebody in the cluster does not read it. */
  readonly format?: () => RecordFormat;
}

export async function openJetStreamStore(options: OpenJetStreamOptions): Promise<Store> {
  const { servers, cluster, clock, random, logger, system, format = () => newestFormat } = options;
  const names = streamNames(cluster);
  if (!system && !options.assumeSynced) throw unchecked();
  const signal = options.signal ?? new AbortController().signal;
  const name = options.name ?? `weft-${cluster}`;
  const connection = new Connection({ ...options, name, servers });
  const tailing = (): Connection => new Connection({ ...options, name: `${name}, tails`, servers });
  try {
    if (system) await patiently(options, signal, async () => checkSynced(servers, system));
    const both = (session: Session): Promise<Record<"records" | "endpoints", StreamState>> =>
      ensureBoth(session, names, options);
    const states = await patiently(options, signal, async () => both(await connection.session({ signal })));
    return new JetStreamStore({ connection, tailing, names, states, clock, random, logger, format });
  } catch (cause) {
    await connection.close();
    throw cause;
  }
}

async function ensureBoth(
  session: Session,
  names: Readonly<Record<"records" | "endpoints", StreamNames>>,
  options: OpenJetStreamOptions,
): Promise<Record<"records" | "endpoints", StreamState>> {
  const records = await ensureStream(session, names.records, options);
  const endpoints = await ensureStream(session, names.endpoints, options);
  return { records, endpoints };
}

/** Tries until it succeeds, fails for good, or the signal is aborted: servers that start have no leader yet. */
async function patiently<T>(
  { clock, random, logger }: OpenJetStreamOptions,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      return await work();
    } catch (cause) {
      const failed = WeftError.from(cause, "open the store", { code: "unavailable", retry: "later" });
      if (failed.retry === "never" || signal.aborted) throw failed;
      if (failures === 0) logger.warn("store.waiting", { because: failed.message });
    }
    await sleep(clock, jittered(random, limits.natsReconnectMaxMs, 0.5), signal);
  }
}

function unchecked(): WeftError {
  return new WeftError({
    code: "invalid",
    retry: "never",
    attempted: "open the store",
    because: "nobody says whether the servers sync before they acknowledge",
    next: "give the system account's credentials, or assumeSynced if the servers' configuration is yours",
  });
}
