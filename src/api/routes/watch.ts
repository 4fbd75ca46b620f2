/**
 * Event streams. GET /v1/watch: what changes, as it is committed and reaches this node: first `position`, then for
 * each commit its `object`, `workload` and `endpoints` events and a `position` that holds them. GET /v1/topology/events:
 * the topology, each second.
 */
import type { FastifyInstance } from "fastify";
import { limits } from "../../platform/limits.ts";
import { recordKind } from "../../store/keys.ts";
import type { StoreRecord } from "../../store/store.ts";
import type { EventStreams } from "../event_streams.ts";
import type { MirrorChange } from "../ports.ts";
import { queryOf } from "../query.ts";
import { printPosition } from "../revision.ts";
import type { ApiPorts } from "../server.ts";

/** Kinds of records that are told to whoever watches. The others hold secrets or mean nothing outside. */
const told: ReadonlySet<string> = new Set(["object", "workload", "endpoints"]);

export function routeWatch(app: FastifyInstance, ports: ApiPorts, streams: EventStreams): void {
  const position = (): object => {
    const { records, endpoints } = ports.mirror.position();
    return {
      revision: printPosition(ports.store, "records", records),
      endpointsToken: printPosition(ports.store, "endpoints", endpoints),
    };
  };

  app.get("/v1/watch", (request, reply) => {
    queryOf(request, []);
    streams.open(reply, (stream) => {
      stream.send("position", position());
      return ports.mirror.subscribe((change) => {
        for (const record of change.records) {
          const kind = recordKind(record.key);
          if (told.has(kind)) stream.send(kind, changeOf(record, change));
        }
        stream.send("position", position());
      });
    });
  });

  app.get("/v1/topology/events", (request, reply) => {
    queryOf(request, []);
    streams.open(reply, (stream) => {
      const tell = (): void => stream.send("topology", ports.topology.topology());
      tell();
      const timer = ports.clock.every(limits.topologyEventMs, tell);
      return () => timer.cancel();
    });
  });
}

function changeOf(record: StoreRecord, change: MirrorChange): object {
  const { key, value } = record;
  return { key, sequence: change.sequence, change: value === undefined ? "deleted" : "set", value: value ?? null };
}
