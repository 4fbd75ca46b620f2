/**
 * What reaches the proxies, and what does not:
 *
 *   GET    /v1/freeze           whether the mesh is frozen, and what is held at this node
 *   PUT    /v1/freeze           from now on what users declare is stored and waits; endpoints wait too if asked
 *   DELETE /v1/freeze           what waited for that goes
 *   POST   /v1/freeze/release   what the brake holds now goes
 *
 * One record of the mesh, written by compare-and-set with a log entry that says who; every node reads it and does alike.
 * A freeze of a frozen mesh stays at the revision of the first: that is what the proxies have.
 */
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Delivery, Freeze, Marks } from "../../model/delivery.ts";
import { boolean, object, text } from "../../platform/decode.ts";
import { limits } from "../../platform/limits.ts";
import { deliveryRecord } from "../../store/keys.ts";
import { revisionOf } from "../../store/store.ts";
import { jsonBody } from "../body.ts";
import { catchUp, commit } from "../commit.ts";
import { withDeadline } from "../deadline.ts";
import type { ApiPorts } from "../ports.ts";
import { queryOf } from "../query.ts";
import { printPosition } from "../revision.ts";
import { callerOf } from "./apply.ts";

const freezeBody = object({}, { reason: text(1_024), endpoints: boolean });

export function routeFreeze(app: FastifyInstance, ports: ApiPorts): void {
  app.get("/v1/freeze", (request) => {
    queryOf(request, []);
    return shown(ports);
  });

  app.put("/v1/freeze", (request) => {
    const { reason, endpoints = false } = jsonBody(request, freezeBody);
    const asked = {
      who: callerOf(request),
      atMs: ports.clock.nowMs(),
      endpoints,
      ...(reason !== undefined && { reason }),
    };
    return change(ports, request, "freeze", (now) => ({
      ...now,
      frozen: frozenFrom(now.frozen, asked, marksOf(ports)),
    }));
  });

  app.delete("/v1/freeze", (request) =>
    change(ports, request, "lift the freeze", ({ frozen: _lifted, ...rest }) => rest),
  );

  app.post("/v1/freeze/release", (request) =>
    change(ports, request, "release what the brake holds", (now) => ({ ...now, released: marksOf(ports) })),
  );
}

interface Asked {
  readonly who: string;
  readonly atMs: number;
  readonly reason?: string;
  readonly endpoints: boolean;
}

export function frozenFrom(before: Freeze | undefined, asked: Asked, now: Marks): Freeze {
  const { who, atMs, reason, endpoints } = asked;
  if (!before) return { who, reason: reason ?? "", sinceMs: atMs, at: now, endpoints };
  // Endpoints flowed until now: what they are now is what the proxies have.
  const at = endpoints && !before.endpoints ? { ...before.at, endpoints: now.endpoints } : before.at;
  return { ...before, reason: reason ?? before.reason, at, endpoints: before.endpoints || endpoints };
}

function change(ports: ApiPorts, request: FastifyRequest, what: string, next: (now: Delivery) => Delivery) {
  queryOf(request, []);
  const who = callerOf(request);
  return withDeadline(ports.clock, limits.applyMs, async (signal) => {
    await catchUp(ports, "endpoints", signal);
    const plan = () => {
      const { record: seen, value: before } = ports.mirror.delivery();
      const after = next(before ?? {});
      const changes = [{ key: deliveryRecord, before, after }];
      const log = { who, what, atMs: ports.clock.nowMs(), changes };
      return { result: undefined, appends: [{ writes: [{ key: deliveryRecord, value: after, seen }], log }] };
    };
    const { sequence } = await commit(ports, { stream: "records", freshness: "catch-up", plan, signal });
    return { revision: printPosition(ports.store, "records", sequence), ...shown(ports) };
  });
}

function marksOf({ store, mirror }: ApiPorts): Marks {
  const position = mirror.position();
  return {
    records: { incarnation: store.incarnation("records"), sequence: position.records },
    endpoints: { incarnation: store.incarnation("endpoints"), sequence: position.endpoints },
  };
}

function shown({ brake, mirror }: ApiPorts) {
  const frozen = mirror.delivery().value?.frozen;
  const holds = brake.holds();
  if (!frozen) return { frozen: false, holds };
  const { who, reason, sinceMs, at, endpoints } = frozen;
  const revision = revisionOf(at.records.incarnation, at.records.sequence);
  return { frozen: true, freeze: { who, reason, since: new Date(sinceMs).toISOString(), revision, endpoints }, holds };
}
