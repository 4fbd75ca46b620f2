/** Nodes on one in-memory truth, from the store to the layers that proxies are served from. */
import type { TestContext } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { ClusterLoadAssignmentSchema } from "#envoy/envoy/config/endpoint/v3/endpoint_pb.js";
import { layerKey } from "../../src/compile/layer.ts";
import { formsBefore, objectsAt } from "../../src/meshd/brake/kept.ts";
import { decodeMeshRecord, type MeshRecord } from "../../src/meshd/mesh_record.ts";
import { Pipeline } from "../../src/meshd/pipeline.ts";
import { type Delivery, decodeDelivery, type Marks } from "../../src/model/delivery.ts";
import type { EndpointShard } from "../../src/model/endpoint.ts";
import { defaultTrustDomain } from "../../src/model/identity.ts";
import type { StoredResource } from "../../src/model/object.ts";
import type { Workload } from "../../src/model/workload.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { deliveryRecord, objectRecord, shardRecord, workloadRecord } from "../../src/store/keys.ts";
import { MemoryServer } from "../../src/store/memory/server.ts";
import { Replica } from "../../src/store/replica.ts";
import type { OperationId, RecordKey, Store, StreamName } from "../../src/store/store.ts";
import { Fleet } from "../../src/xds/fleet.ts";
import { silentObserver, type XdsObserver } from "../../src/xds/observer.ts";
import { endpoint, shard } from "../compile/mesh.ts";
import { ManualClock, settled } from "../support/manual_clock.ts";

export class BrakeWorld {
  readonly clock = new ManualClock();
  readonly server = new MemoryServer({ clock: this.clock, random: seededRandom(1) });
  readonly #store = this.server.open();
  readonly #t: TestContext;
  #operations = 0;

  constructor(t: TestContext) {
    this.#t = t;
    t.after(() => this.#store.close());
  }

  async node(kept: Iterable<readonly [RecordKey, MeshRecord]> = [], refused?: Refused): Promise<BrakeNode> {
    const node = new BrakeNode(this.server.open(), this.clock, refused);
    this.#t.after(() => node.stop());
    await node.start(kept);
    return node;
  }

  /** The stream is lost, and made again with what `first` writes; only then do nodes see it. */
  async recreate(stream: StreamName, first: () => Promise<void> = async () => {}): Promise<void> {
    this.server.pauseTails();
    this.server.recreate(stream);
    await first();
    this.server.resumeTails();
    await settled();
    await settled();
  }

  /** One append with its log, as the API writes; a value that is undefined deletes. */
  async write(stream: StreamName, values: ReadonlyMap<RecordKey, unknown>): Promise<void> {
    const seen = await Promise.all([...values.keys()].map((key) => this.#store.read(stream, key)));
    const writes = [...values].map(([key, value], i) => ({ key, value, seen: seen[i] }));
    const changes = writes.map(({ key, value, seen: before }) => ({ key, before: before?.value, after: value }));
    const operation = `operation-${this.#operations++}` as OperationId;
    const log = { who: "ana", what: "apply", atMs: 0, changes };
    await this.#store.append(stream, { operation, writes, ...(stream === "records" && { log }) });
    await settled();
    await settled();
  }

  /** What one source says of one service; undefined: nothing any more. */
  say(service: string, source: string, endpoints: number | undefined): Promise<void> {
    const said = endpoints === undefined ? undefined : shardOf(service, source, endpoints);
    return this.write("endpoints", new Map([[keyOf(service, source), said]]));
  }

  object(name: string, resource: StoredResource | undefined): Promise<void> {
    const ref = { kind: "AuthorizationPolicy" as const, namespace: endpointNamespace, name };
    return this.write("records", new Map([[objectRecord(ref), resource]]));
  }

  workload(value: Workload, gone = false): Promise<void> {
    return this.write("records", new Map([[workloadRecord(value.namespace, value.name), gone ? undefined : value]]));
  }

  async deliver(change: (now: Delivery, marks: Marks) => Delivery): Promise<void> {
    const now = await this.#store.read("records", deliveryRecord);
    const mark = async (stream: StreamName) => ({
      incarnation: this.#store.incarnation(stream),
      sequence: await this.#store.lastSequence(stream),
    });
    const marks = { records: await mark("records"), endpoints: await mark("endpoints") };
    const value = change(now?.value === undefined ? {} : decodeDelivery(now.value, deliveryRecord), marks);
    await this.write("records", new Map([[deliveryRecord, value]]));
  }

  freeze(endpoints = false): Promise<void> {
    const frozen = { who: "ana", reason: "incident", sinceMs: 0, endpoints };
    return this.deliver((now, at) => ({ ...now, frozen: { ...frozen, at } }));
  }

  thaw(): Promise<void> {
    return this.deliver(({ frozen: _lifted, ...rest }) => rest);
  }

  release(): Promise<void> {
    return this.deliver((now, released) => ({ ...now, released }));
  }
}

/** Makes what is told of refusals. */
type Refused = (quarantine: Pipeline["quarantine"]) => XdsObserver["refused"];

export class BrakeNode {
  readonly fleet: Fleet;
  readonly pipeline: Pipeline;
  readonly #store: Store;
  readonly #replica: Replica<MeshRecord>;

  constructor(store: Store, clock: ManualClock, refused: Refused = () => () => {}) {
    this.#store = store;
    this.#replica = new Replica({ store, clock, decode: decodeMeshRecord });
    let told: XdsObserver["refused"] = () => {};
    this.fleet = new Fleet({ clock, observer: { ...silentObserver, refused: (response) => told(response) } });
    this.pipeline = new Pipeline({
      ...{ replica: this.#replica, fleet: this.fleet, clock, log: silentLogger },
      ...{ trustDomain: defaultTrustDomain, outboundTrafficPolicy: "REGISTRY_ONLY", recomputed: () => {} },
    });
    told = refused(this.pipeline.quarantine);
  }

  /** @param kept endpoints that the node's own file says were in force. */
  async start(kept: Iterable<readonly [RecordKey, MeshRecord]> = []): Promise<void> {
    await this.#replica.whenSynced();
    const said = this.#replica.get(deliveryRecord)?.object;
    const frozen = said?.kind === "delivery" ? said.delivery.frozen : undefined;
    const { signal } = new AbortController();
    const objects = frozen ? await objectsAt(frozen, this.#store, signal) : [];
    this.pipeline.quarantine.keep(await formsBefore(this.pipeline.quarantine.wanted(), this.#store, signal));
    this.pipeline.start(new Map([...kept, ...objects]));
  }

  async stop(): Promise<void> {
    await this.#replica.close();
    await this.#store.close();
  }

  reasons(): string[] {
    return this.pipeline.brake.holds().map(({ reason, changes }) => `${reason} ${changes}`);
  }

  /** Service → how many endpoints the proxies are told of. */
  endpoints(): Record<string, number> {
    const assignments = this.fleet.resources([layerKey("endpoints", "mesh")], "endpoints");
    return Object.fromEntries(
      assignments.map(({ name, value }) => {
        const { endpoints } = fromBinary(ClusterLoadAssignmentSchema, value);
        const count = endpoints.reduce((sum, { lbEndpoints }) => sum + lbEndpoints.length, 0);
        return [name.split("|").at(-1)?.split(".")[0] ?? name, count];
      }),
    );
  }

  clusters(): string[] {
    const clusters = this.fleet.resources([layerKey("clusters", "mesh")], "cluster");
    return clusters.map(({ name }) => name.split("|").at(-1)?.split(".")[0] ?? name).sort();
  }

  /** Names of what is served from a workload's own layer. */
  own(workload: Workload): string[] {
    const layer = layerKey("own", `${workload.name}.${workload.namespace}`);
    return (["listener", "route"] as const).flatMap((type) =>
      this.fleet.resources([layer], type).map(({ name }) => name),
    );
  }

  /** The version of what rules a workload's inbound requests. */
  rules(workload: Workload): string {
    const layer = layerKey("own", `${workload.name}.${workload.namespace}`);
    const routes = this.fleet.resources([layer], "route");
    return routes.map(({ version }) => version).join();
  }
}

const endpointNamespace = shard("any", []).service.namespace;

function keyOf(service: string, source: string): RecordKey {
  return shardRecord({ namespace: endpointNamespace, name: service }, source, 0);
}

function shardOf(service: string, source: string, count: number): EndpointShard {
  const endpoints = Array.from({ length: count }, (_, i) => endpoint(String(i + 1), { address: addressOf(source, i) }));
  return shard(service, endpoints, { source });
}

function addressOf(source: string, i: number): string {
  const host = [...source].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 250, 7);
  return `10.${host}.${Math.floor(i / 250)}.${(i % 250) + 1}`;
}

export function denyAll(name: string, path: string): StoredResource {
  return {
    resource: {
      apiVersion: "security.mesh.io/v1",
      kind: "AuthorizationPolicy",
      metadata: { name, namespace: endpointNamespace },
      spec: { action: "DENY", rules: [{ to: [{ operation: { paths: [path] } }] }] },
    },
    generation: 1,
    createdAtMs: 0,
  };
}
