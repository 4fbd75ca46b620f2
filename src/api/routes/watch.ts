/**
 * Event streams. GET /v1/watch: what changes, as it is committed and reaches this node: first `position`, then for
 * each commit its `object`, `workload` and `endpoints` events and a `position` that holds them. GET /v1/topology/events:
 * the topology, each second.
 */
import type { FastifyInstance } from "fastify";
import type { Namespace } from "../../model/names.ts";
import { limits } from "../../platform/limits.ts";
import { kindFrom } from "../../resources/kinds/catalog.ts";
import { namesInKey, recordKind } from "../../store/keys.ts";
import type { StoreRecord } from "../../store/store.ts";
import type { EventStreams } from "../event_streams.ts";
import type { KindName } from "../kinds.ts";
import type { ApiPorts, MirrorChange } from "../ports.ts";
import { queryOf } from "../query.ts";
import { printPosition } from "../revision.ts";
import { showOne } from "../show.ts";

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
          const event = eventOf(ports, record, change);
          if (event) stream.send(event.name, event.data);
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

interface WatchEvent {
  readonly name: "object" | "workload" | "endpoints";
  readonly data: object;
}

/** undefined: of a kind that holds secrets or means nothing outside. */
function eventOf(ports: ApiPorts, { key, value }: StoreRecord, change: MirrorChange): WatchEvent | undefined {
  const [, ...names] = namesInKey(key);
  const said = {
    change: value === undefined ? "deleted" : "set",
    at: printPosition(ports.store, change.stream, change.sequence),
  };
  const shown = (kind: KindName, [namespace = "", name = ""]: readonly string[]): object => {
    const object = showOne(ports.mirror, kind, { namespace: namespace as Namespace, name });
    return { ...said, kind, namespace, name, ...(value !== undefined && object ? { object } : {}) };
  };
  switch (recordKind(key)) {
    case "object": {
      const [word = "", ...of] = names;
      const kind = kindFrom(word);
      return kind && { name: "object", data: shown(kind, of) };
    }
    case "workload":
      return { name: "workload", data: shown("Workload", names) };
    case "endpoints": {
      const [namespace, name, source] = names;
      return { name: "endpoints", data: { ...said, kind: "Service", namespace, name, source } };
    }
    default:
      return undefined;
  }
}
