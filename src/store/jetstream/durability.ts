/**
 * Whether the servers sync before they acknowledge. JetStream's default does not (it syncs every two minutes), so an
 * acknowledged write could be lost with the machine. A client cannot see the setting, except through the system account:
 * every server that answers there must run JetStream with `sync_interval: always`. Asked once, at start; who cannot give
 * us the system account has to vouch for it (`assumeSynced`).
 */
import { connect } from "@nats-io/transport-node";
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
import { type Credentials, clientOptions } from "./connection.ts";

interface ServerVariables {
  readonly server?: { readonly name?: string };
  readonly data?: { readonly jetstream?: { readonly config?: { readonly sync_always?: boolean } } };
}

export async function checkSynced(servers: readonly string[], system: Credentials): Promise<void> {
  const attempted = "check that JetStream syncs before it acknowledges";
  const nats = await connect({ ...clientOptions(system), servers: [...servers] }).catch((cause: unknown) => {
    throw WeftError.from(cause, attempted, { code: "unavailable", retry: "later" });
  });
  try {
    const options = { strategy: "stall", maxWait: limits.storeReadMs } as const;
    let asked = 0;
    for await (const message of await nats.requestMany("$SYS.REQ.SERVER.PING.VARZ", "", options)) {
      const { server, data } = message.json<ServerVariables>();
      const config = data?.jetstream?.config;
      if (!config) continue;
      asked++;
      if (config.sync_always !== true) throw unsynced(attempted, server?.name ?? "a server");
    }
    if (asked === 0) throw unanswered(attempted);
  } finally {
    await nats.close();
  }
}

function unsynced(attempted: string, server: string): WeftError {
  return new WeftError({
    code: "invalid",
    retry: "never",
    attempted,
    because: `${server} acknowledges writes before they are on disk`,
    next: "set jetstream.sync_interval to always in its configuration and restart it",
  });
}

function unanswered(attempted: string): WeftError {
  return new WeftError({ code: "unavailable", retry: "later", attempted, because: "no JetStream server answered" });
}
