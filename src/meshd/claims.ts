/** The service actors' say on ports, as the API asks for it; what this node's replica already shows needs no asking. */

import { type ServiceState, service } from "../actors/kinds/service.ts";
import type { ActorRuntime } from "../actors/runtime/runtime.ts";
import type { ClaimOutcome, Claims, PortConflict } from "../api/ports.ts";
import type { ServicePort } from "../model/endpoint.ts";
import { type ServiceRef, serviceKey } from "../model/names.ts";
import type { OperationId } from "../store/store.ts";

export class ActorClaims implements Claims {
  readonly #runtime: ActorRuntime;
  readonly #stateOf: (service: ServiceRef) => ServiceState | undefined;

  /** @param stateOf what the replica shows of a service actor's record. */
  constructor(runtime: ActorRuntime, stateOf: (service: ServiceRef) => ServiceState | undefined) {
    this.#runtime = runtime;
    this.#stateOf = stateOf;
  }

  holds(ref: ServiceRef, source: string, ports: readonly ServicePort[]): boolean {
    const held = this.#stateOf(ref)?.claims.find((claim) => claim.source === source)?.ports ?? [];
    return held.length === ports.length && ports.every((port) => held.some(isSame(port)));
  }

  async claimPorts(
    ref: ServiceRef,
    source: string,
    ports: readonly ServicePort[],
    _signal: AbortSignal,
    operation?: OperationId,
  ): Promise<ClaimOutcome> {
    const remember = operation !== undefined;
    const request =
      ports.length === 0
        ? ({ type: "releaseSource", source, remember } as const)
        : ({ type: "claimPorts", source, ports, remember } as const);
    const reply = await this.#runtime.ask(service, serviceKey(ref), request, operation && { operation });
    if (reply.kind === "ok") return { kind: "claimed" };
    const conflict: PortConflict =
      reply.kind === "full"
        ? { port: ports[0]?.port ?? 0, because: reply.message }
        : { port: reply.port, because: `it is ${reply.existing}, as ${reply.by} says, and here ${reply.claimed}` };
    return { kind: "conflict", conflicts: [conflict] };
  }
}

const isSame =
  (a: ServicePort) =>
  (b: ServicePort): boolean =>
    a.port === b.port && a.protocol === b.protocol && a.name === b.name;
