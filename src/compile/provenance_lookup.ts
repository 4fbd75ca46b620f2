/**
 * Finds in the graph what provenance.ts tells of: the objects that hold for one workload's virtual host or cluster, by the
 * same nodes that the compile reads. Asked through the compiler, seldom, and kept by nobody.
 */
import { type Host, serviceKey, serviceOfHost } from "../model/names.ts";
import type { VirtualService, VirtualServiceRef } from "../model/route.ts";
import type { Workload } from "../model/workload.ts";
import { type HeldRoute, heldRoutes } from "./delegates.ts";
import { type Derivations, virtualServiceKey } from "./derive.ts";
import { viewOf } from "./destination_rules.ts";
import type { Destinations } from "./destinations.ts";
import { serversOfTable } from "./gateway.ts";
import { spokenFor } from "./gateway_http.ts";
import type { Read } from "./graph.ts";
import { type MeshInput, meshGateway } from "./input.ts";
import { partsOfOutbound, partsOfVirtualHost } from "./naming.ts";
import type { PlainWords } from "./plain_words.ts";
import {
  destinationRoute,
  meshRoute,
  type Part,
  type RouteProvenance,
  redirectRoute,
  refOf,
  type SettingsMaker,
  settingsMakers,
  writtenRoutes,
} from "./provenance.ts";
import { entriesFor } from "./service_entries.ts";

/** Of a workload's route table. */
export interface VirtualHostName {
  readonly table: string;
  readonly virtualHost: string;
}

export interface ClusterProvenance {
  /** That say where it is; none: the endpoints of a service do. */
  readonly declaredBy: readonly Part[];
  readonly settings: readonly SettingsMaker[];
}

export class ProvenanceLookup {
  readonly #input: MeshInput;
  readonly #derive: Derivations;
  readonly #destinations: Destinations;

  constructor({
    input,
    derive,
    destinations,
  }: {
    readonly input: MeshInput;
    readonly derive: Derivations;
    readonly destinations: Destinations;
  }) {
    this.#input = input;
    this.#derive = derive;
    this.#destinations = destinations;
  }

  /** Of each of the virtual host's routes, in their order. */
  routes(read: Read, workload: Workload, { table, virtualHost }: VirtualHostName): readonly RouteProvenance[] {
    const parts = partsOfVirtualHost(virtualHost);
    if (!parts) return [meshRoute, meshRoute];
    const rest =
      workload.role === "gateway"
        ? this.#gatewayRoutes(read, workload, { table, host: parts.host })
        : this.#sidecarRoutes(read, workload, parts);
    return [meshRoute, ...rest];
  }

  /** undefined: nobody's host is there. */
  cluster(read: Read, workload: Workload, name: string): ClusterProvenance | undefined {
    const parts = partsOfOutbound(name);
    if (!parts) return undefined;
    const { host } = parts;
    const view = viewOf(workload.namespace, this.#destinations.views(read, host));
    const rules = this.#destinations.rulesFor(read, host, view);
    const registered = this.#destinations.declared(read, host, view)?.registered ?? false;
    const entries = registered ? [] : entriesFor(read(this.#input.entriesByHost.at(host)), view);
    return {
      declaredBy: entries.map((entry) => ({
        object: refOf("ServiceEntry", entry),
        path: ["spec", "hosts", entry.hosts.indexOf(host)],
      })),
      settings: settingsMakers({ rules, ...this.#words(read, host) }, parts),
    };
  }

  #sidecarRoutes(
    read: Read,
    workload: Workload & { readonly role: "sidecar" },
    { host, port }: { readonly host: Host; readonly port: number | "*" },
  ): readonly RouteProvenance[] {
    const { router, source } = this.#derive.routedBy(read, workload, host);
    if (!router) return [destinationRoute(host, this.#words(read, host))];
    const arrival = { gateway: meshGateway, port: port === "*" ? undefined : port, source };
    return writtenRoutes(this.#held(read, router), arrival, (to) => this.#words(read, to));
  }

  #gatewayRoutes(
    read: Read,
    workload: Workload & { readonly role: "gateway" },
    { table, host }: { readonly table: string; readonly host: Host },
  ): readonly RouteProvenance[] {
    const input = this.#derive.gatewayInput(read, workload);
    const found = serversOfTable(input, table);
    const speakers = found && spokenFor(found.at, found.servers).get(host);
    if (!speakers) return [];
    if (speakers.redirect) return [redirectRoute(input.gateways, speakers.redirect)];
    return speakers.bound.flatMap(({ virtualService, gateway }) =>
      writtenRoutes(this.#held(read, virtualService), { ...found.at, gateway }, (to) => this.#words(read, to)),
    );
  }

  #held(read: Read, ref: VirtualServiceRef): readonly HeldRoute[] {
    const find = (one: VirtualServiceRef): VirtualService | undefined =>
      read(this.#input.virtualServices.at(virtualServiceKey(one)));
    const root = find(ref);
    return root ? heldRoutes(root, find) : [];
  }

  #words(read: Read, host: Host): PlainWords {
    const service = serviceOfHost(host);
    if (!service) return { breakers: [], policies: [], faults: [] };
    const key = serviceKey(service);
    return {
      breakers: read(this.#input.circuitBreakers.at(key)),
      policies: read(this.#input.trafficPolicies.at(key)),
      faults: read(this.#input.faultInjections.at(key)),
    };
  }
}
