/** The gRPC server over real sockets: who is let in, over mTLS and in plaintext, and how streams end. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, describe, test } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  Client,
  type ClientDuplexStream,
  connectivityState,
  credentials,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import {
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from "#envoy/envoy/service/discovery/v3/discovery_pb.js";
import { exportPrivateKey, makeKeyPair } from "../../src/certificates/key_pair.ts";
import { chainToPem, toPem } from "../../src/certificates/pem.ts";
import type { SpiffeId } from "../../src/model/identity.ts";
import { type Namespace, workloadName } from "../../src/model/names.ts";
import { WeftError } from "../../src/platform/error.ts";
import { limits } from "../../src/platform/limits.ts";
import { Secret } from "../../src/platform/log.ts";
import { seededRandom } from "../../src/platform/random.ts";
import type { Identified, Identities, NodeClaim, Peer, StreamAdmission } from "../../src/xds/call.ts";
import { Fleet } from "../../src/xds/fleet.ts";
import type { TlsMaterial } from "../../src/xds/listener.ts";
import { XdsServer } from "../../src/xds/server.ts";
import { typeUrls } from "../../src/xds/type_url.ts";
import { spiffeId, svidFor, type TrustChain, trustChain } from "../certificates/fixtures.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { turnsUntil } from "../support/turns.ts";
import { mesh, resource } from "../xds/world.ts";

const method = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const passThrough = (bytes: Buffer): Buffer => bytes;
const loopback = { host: "127.0.0.1", port: 0 };

interface Pem {
  readonly cert: string;
  readonly key: string;
}

function pemFor(name: SpiffeId, trust: TrustChain): Pem {
  const keys = makeKeyPair();
  const svid = svidFor(name, trust, Date.now(), keys);
  return { cert: chainToPem(svid.chain), key: toPem("PRIVATE KEY", exportPrivateKey(keys.privateKey)) };
}

function material(trust: TrustChain): TlsMaterial {
  const { cert, key } = pemFor(spiffeId("meshd"), trust);
  const roots = [toPem("CERTIFICATE", trust.root)];
  return { certificateChainPem: cert, privateKeyPem: new Secret(key), trustedRootsPem: roots };
}

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** The workload that each SPIFFE ID may be, as meshd's records would say. */
class Records implements Identities {
  readonly owners = new Map<string, string>([["cart.default", spiffeId("cart")]]);
  #listener: Parameters<Identities["onLayersChanged"]>[0] = () => {};

  identify(peer: Peer, node: NodeClaim): Identified {
    const [name = "", namespace = ""] = node.id.split(".");
    const owner = this.owners.get(node.id);
    if (!owner) return { kind: "refused", code: "unauthenticated", because: `no workload ${node.id} is registered` };
    if (peer !== "plaintext" && peer.spiffeId !== owner) {
      return { kind: "refused", code: "permission-denied", because: `${node.id} is not ${peer.spiffeId}` };
    }
    return { kind: "proxy", proxy: workloadName(name, namespace as Namespace), layers: [mesh] };
  }

  onLayersChanged(listener: Parameters<Identities["onLayersChanged"]>[0]): void {
    this.#listener = listener;
  }

  remove(id: string): void {
    this.owners.delete(id);
    this.#listener((proxy) => proxy === id);
  }
}

async function serve(trust?: TrustChain, admission?: StreamAdmission) {
  const clock = new ManualClock(Date.now());
  const fleet = new Fleet({ clock });
  fleet.apply([{ layer: mesh, set: [resource("cluster", "cart", "c1")], removed: [] }], { records: 1, endpoints: 0 });
  const records = new Records();
  const options = { fleet, identities: records, clock, random: seededRandom(1), plaintext: loopback };
  const mtls = trust && { address: loopback, material: material(trust) };
  const server = new XdsServer({ ...options, ...(mtls && { mtls }), ...(admission && { admission }) });
  const addresses = await server.start();
  closers.push(() => server.stop());
  return { clock, fleet, records, server, mtls: addresses.mtls ?? "", plaintext: addresses.plaintext ?? "" };
}

/** One ADS stream of a client, with its own connection unless it shares another's. */
class Stream {
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  readonly #ended: Promise<ServiceError>;

  constructor(client: Client, path = method) {
    this.#call = client.makeBidiStreamRequest(path, passThrough, passThrough);
    this.#ended = new Promise((resolve) => this.#call.once("error", resolve));
  }

  static open(address: string, tls?: { readonly roots: TrustChain; readonly own?: Pem }): Stream {
    return new Stream(clientOf(address, tls));
  }

  ask(request: MessageInitShape<typeof DeltaDiscoveryRequestSchema>): this {
    const message = toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, request));
    this.#call.write(Buffer.from(message));
    return this;
  }

  /** The first request, for clusters. */
  hello(id: string): this {
    return this.ask({ typeUrl: typeUrls.cluster, node: { id } });
  }

  raw(bytes: Uint8Array): this {
    this.#call.write(Buffer.from(bytes));
    return this;
  }

  async next(): Promise<DeltaDiscoveryResponse> {
    const [bytes] = await once(this.#call, "data");
    return fromBinary(DeltaDiscoveryResponseSchema, bytes);
  }

  async end(): Promise<{ readonly code: string | undefined; readonly details: string }> {
    const { code, details } = await this.#ended;
    return { code: status[code], details };
  }
}

function clientOf(address: string, tls?: { readonly roots: TrustChain; readonly own?: Pem }): Client {
  const options = { "grpc.initial_reconnect_backoff_ms": 60_000, "grpc.ssl_target_name_override": "meshd" };
  const roots = tls && Buffer.from(toPem("CERTIFICATE", tls.roots.root));
  const [key, cert] = tls?.own ? [Buffer.from(tls.own.key), Buffer.from(tls.own.cert)] : [null, null];
  // Envoy checks the node's SPIFFE ID; here that is not what is tested.
  const secure = roots && credentials.createSsl(roots, key, cert, { checkServerIdentity: () => undefined });
  const client = new Client(address, secure ?? credentials.createInsecure(), options);
  closers.push(() => client.close());
  return client;
}

describe("in plaintext", () => {
  test("a proxy that says who it is gets its clusters, and then what changes", async () => {
    const { plaintext, fleet } = await serve();
    const stream = Stream.open(plaintext).hello("cart.default");
    const first = await stream.next();
    assert.deepEqual(
      first.resources.map(({ name, version }) => [name, version]),
      [["cart", "c1"]],
    );
    stream.ask({ typeUrl: typeUrls.cluster, responseNonce: first.nonce });
    stream.ask({ typeUrl: typeUrls.endpoints, resourceNamesSubscribe: ["cart"] });
    const empty = await stream.next();
    assert.equal(empty.resources[0]?.version, "empty");
    stream.ask({ typeUrl: typeUrls.endpoints, responseNonce: empty.nonce });
    fleet.apply([{ layer: mesh, set: [resource("endpoints", "cart", "e1")], removed: [] }], {
      records: 1,
      endpoints: 1,
    });
    const changed = await stream.next();
    assert.equal(changed.resources[0]?.version, "e1");
    stream.ask({ typeUrl: typeUrls.endpoints, responseNonce: changed.nonce });
    assert.equal((await fleet.waitDistributed({ records: 1, endpoints: 1 })).kind, "done");
  });

  test("what cannot be is refused with a word why, and nobody else notices", async () => {
    const { plaintext } = await serve();
    const witness = Stream.open(plaintext).hello("cart.default");
    await witness.next();
    const unknown = await Stream.open(plaintext).hello("ghost.default").end();
    assert.deepEqual(unknown, { code: "UNAUTHENTICATED", details: "no workload ghost.default is registered" });
    const nameless = await Stream.open(plaintext).ask({ typeUrl: typeUrls.cluster }).end();
    assert.deepEqual([nameless.code, /node/.test(nameless.details)], ["UNAUTHENTICATED", true]);
    assert.equal(
      (
        await Stream.open(plaintext)
          .raw(Uint8Array.of(0x0a, 0xff, 0xff))
          .end()
      ).code,
      "INVALID_ARGUMENT",
    );
    const large = await Stream.open(plaintext)
      .raw(new Uint8Array(limits.xdsRequestBytes + 1))
      .end();
    assert.equal(large.code, "RESOURCE_EXHAUSTED");
    const typeless = Stream.open(plaintext).hello("cart.default");
    await typeless.next();
    assert.equal((await typeless.ask({}).end()).code, "INVALID_ARGUMENT");
    const names = Array.from({ length: limits.xdsSubscribedNames + 1 }, (_, i) => `n${i}`);
    const greedy = Stream.open(plaintext).ask({
      typeUrl: typeUrls.endpoints,
      node: { id: "cart.default" },
      resourceNamesSubscribe: names,
    });
    assert.equal((await greedy.end()).code, "RESOURCE_EXHAUSTED");
    witness.ask({ typeUrl: typeUrls.endpoints, resourceNamesSubscribe: ["cart"] });
    assert.equal((await witness.next()).resources[0]?.name, "cart");
  });

  test("a node that may not begin streams sends the proxy elsewhere; those that are open go on", async () => {
    let refused: string | undefined;
    let answered: Promise<void> = Promise.resolve();
    const { plaintext, fleet } = await serve(undefined, async () => {
      await answered;
      return refused;
    });
    const open = Stream.open(plaintext).hello("cart.default");
    await open.next();
    const { promise, resolve } = Promise.withResolvers<void>();
    answered = promise;
    refused = "others are ahead";
    const late = Stream.open(plaintext).hello("cart.default");
    open.ask({ typeUrl: typeUrls.endpoints, resourceNamesSubscribe: ["cart"] });
    assert.equal((await open.next()).resources[0]?.name, "cart");
    resolve();
    assert.deepEqual(await late.end(), { code: "UNAVAILABLE", details: "others are ahead" });
    assert.equal(fleet.size().streams, 1);
    refused = undefined;
    assert.equal((await Stream.open(plaintext).hello("cart.default").next()).resources[0]?.version, "c1");
  });

  test("new streams are served a few at a time; one that has what it came for makes room for the next", async () => {
    const { plaintext, fleet } = await serve();
    const { arrivals } = fleet;
    const begin = async (): Promise<{ stream: Stream; nonce: string }> => {
      const stream = Stream.open(plaintext).hello("cart.default");
      return { stream, nonce: (await stream.next()).nonce };
    };
    const [first] = await Promise.all(Array.from({ length: limits.xdsSeatsAtFirst }, begin));
    const late = Stream.open(plaintext).hello("cart.default");
    await turnsUntil(() => arrivals.waiting > 0);
    const served = late.next();

    const endpoints = { typeUrl: typeUrls.endpoints };
    first?.stream.ask({ typeUrl: typeUrls.cluster, responseNonce: first.nonce });
    first?.stream.ask({ ...endpoints, resourceNamesSubscribe: ["cart"] });
    const taken = await first?.stream.next();
    assert.equal(arrivals.waiting, 1, "it has not said yet that it took its endpoints");
    first?.stream.ask({ ...endpoints, responseNonce: taken?.nonce ?? "" });
    assert.equal((await served).typeUrl, typeUrls.cluster);
    assert.equal(arrivals.waiting, 0);
  });

  test("a proxy that moves here with a thousand versions may say the rest before it is known", async () => {
    let answered: Promise<void> = Promise.resolve();
    const { plaintext } = await serve(undefined, () => answered.then(() => undefined));
    const witness = Stream.open(plaintext).hello("cart.default");
    await witness.next();
    const { promise, resolve } = Promise.withResolvers<void>();
    answered = promise;
    const initialResourceVersions = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`gone-${i}`, "v"]));
    assert.ok(JSON.stringify(initialResourceVersions).length > limits.xdsShortRequestBytes);
    const mover = Stream.open(plaintext)
      .ask({ typeUrl: typeUrls.cluster, node: { id: "cart.default" }, initialResourceVersions })
      .ask({ typeUrl: typeUrls.endpoints, resourceNamesSubscribe: ["cart"] });
    for (const name of ["a", "b", "c"]) {
      witness.ask({ typeUrl: typeUrls.endpoints, resourceNamesSubscribe: [name] });
      const { nonce } = await witness.next();
      witness.ask({ typeUrl: typeUrls.endpoints, responseNonce: nonce });
    }
    const said = Promise.race([mover.next(), mover.end()]);
    resolve();
    assert.equal(Reflect.get(await said, "typeUrl"), typeUrls.cluster);
  });

  test("a node that has read nothing yet takes no stream, so that nobody is sent an empty mesh", async () => {
    const clock = new ManualClock();
    const options = { fleet: new Fleet({ clock }), identities: new Records(), clock, random: seededRandom(1) };
    const server = new XdsServer({ ...options, plaintext: loopback });
    closers.push(() => server.stop());
    const { plaintext = "" } = await server.start();
    assert.equal((await Stream.open(plaintext).hello("cart.default").end()).code, "UNAVAILABLE");
  });

  test("is for this machine only", async () => {
    const clock = new ManualClock();
    const options = { fleet: new Fleet({ clock }), identities: new Records(), clock, random: seededRandom(1) };
    assert.throws(() => new XdsServer({ ...options, plaintext: { host: "0.0.0.0", port: 0 } }), WeftError);
  });

  test("bytes that are not HTTP/2 end their own connection only", async () => {
    const { plaintext } = await serve();
    const [host = "", port = ""] = plaintext.split(":");
    const socket = connect(Number(port), host);
    socket.on("error", () => {});
    socket.end(Buffer.alloc(4_096, 0x5a));
    socket.resume();
    await once(socket, "close");
    assert.equal((await Stream.open(plaintext).hello("cart.default").next()).resources.length, 1);
  });
});

describe("a stream ends", () => {
  test("when its workload record goes, within the spread", async () => {
    const { plaintext, records, clock, fleet } = await serve();
    const stream = Stream.open(plaintext).hello("cart.default");
    await stream.next();
    records.remove("cart.default");
    assert.equal(fleet.size().streams, 1);
    await clock.advance(limits.xdsEndSpreadMs);
    assert.equal((await stream.end()).code, "UNAUTHENTICATED");
    assert.equal(fleet.size().streams, 0);
  });

  test("when it does not say who it is in time", async () => {
    const { plaintext, clock } = await serve();
    const client = clientOf(plaintext);
    const known = new Stream(client).hello("cart.default");
    await known.next();
    const silent = new Stream(client);
    // The connection is one and in order: when the second stream's word is answered, the server has seen the silent one.
    const after = new Stream(client).hello("cart.default");
    await after.next();
    await clock.advance(limits.xdsFirstRequestMs);
    assert.equal((await silent.end()).code, "UNAUTHENTICATED");
  });

  test("with UNAVAILABLE when its node stops", async () => {
    const { plaintext, server, fleet } = await serve();
    const stream = Stream.open(plaintext).hello("cart.default");
    await stream.next();
    await server.stop();
    assert.equal((await stream.end()).code, "UNAVAILABLE");
    assert.equal(fleet.size().streams, 0);
  });

  // As long as a handshake may take, the node would wait otherwise.
  test("when its node stops, also before it could begin: in the middle of a handshake, or in line for one", {
    timeout: limits.xdsFirstRequestMs / 2,
  }, async () => {
    const { mtls, server } = await serve(await trustChain(Date.now()));
    const [host = "", port = ""] = mtls.split(":");
    const sockets = Array.from({ length: limits.xdsHandshakes + 2 }, () => connect(Number(port), host));
    closers.push(() => sockets.forEach((socket) => void socket.destroy()));
    const ended = Promise.all(sockets.map((socket) => once(socket.on("error", () => {}).resume(), "close")));
    await turnsUntil(() => server.waitingConnections >= 2);
    await server.stop();
    await ended;
    assert.equal(server.waitingConnections, 0);
  });

  test("when the proxy leaves, and its place is free", async () => {
    const { plaintext, fleet } = await serve();
    const client = clientOf(plaintext);
    const call = client.makeBidiStreamRequest(method, passThrough, passThrough);
    call.on("error", () => {});
    const node = { id: "cart.default" };
    const hello = create(DeltaDiscoveryRequestSchema, { typeUrl: typeUrls.cluster, node });
    call.write(Buffer.from(toBinary(DeltaDiscoveryRequestSchema, hello)));
    await once(call, "data");
    const waiting = fleet.waitDistributed(fleet.position);
    call.cancel();
    // Its cluster never got its endpoints; only its leaving ends the wait.
    assert.equal((await waiting).kind, "done");
    assert.equal(fleet.size().streams, 0);
  });
});

describe("over mTLS", async () => {
  const trust = await trustChain(Date.now());

  test("the certificate must be that of the workload that the node names", async () => {
    const { mtls } = await serve(trust);
    const own = pemFor(spiffeId("cart"), trust);
    const stream = Stream.open(mtls, { roots: trust, own }).hello("cart.default");
    assert.equal((await stream.next()).resources[0]?.name, "cart");
    const other = pemFor(spiffeId("thief"), trust);
    const refused = await Stream.open(mtls, { roots: trust, own: other }).hello("cart.default").end();
    assert.equal(refused.code, "PERMISSION_DENIED");
    assert.match(refused.details, /thief/);
  });

  test("without a certificate, or with one of another root, there is no connection", async () => {
    const { mtls } = await serve(trust);
    const foreign = pemFor(spiffeId("cart"), await trustChain(Date.now()));
    for (const own of [undefined, foreign]) {
      const stream = Stream.open(mtls, { roots: trust, ...(own && { own }) }).hello("cart.default");
      assert.equal((await stream.end()).code, "UNAVAILABLE");
    }
  });

  test("the node's certificate and roots change while it runs; standing streams stay", async () => {
    const { mtls, server } = await serve(trust);
    const old = Stream.open(mtls, { roots: trust, own: pemFor(spiffeId("cart"), trust) }).hello("cart.default");
    await old.next();
    const next = await trustChain(Date.now());
    server.replaceTls(material(next));
    const stream = Stream.open(mtls, { roots: next, own: pemFor(spiffeId("cart"), next) }).hello("cart.default");
    assert.equal((await stream.next()).resources[0]?.name, "cart");
    old.ask({ typeUrl: typeUrls.endpoints, resourceNamesSubscribe: ["cart"] });
    assert.equal((await old.next()).resources[0]?.name, "cart");
  });

  test("a stream and its connection end with the certificate", async () => {
    const { mtls, clock, fleet } = await serve(trust);
    const client = clientOf(mtls, { roots: trust, own: pemFor(spiffeId("cart"), trust) });
    const stream = new Stream(client).hello("cart.default");
    await stream.next();
    const oneHourMs = 60 * 60 * 1000;
    await clock.advance(oneHourMs - limits.xdsEndSpreadMs - 2_000);
    assert.equal(fleet.size().streams, 1);
    for (let turn = 0; fleet.size().streams > 0 && turn < 100; turn++) await clock.advance(100);
    const expired = { code: "UNAUTHENTICATED", details: "the client certificate has expired" };
    assert.deepEqual(await stream.end(), expired);
    const channel = client.getChannel();
    const disconnected = new Promise((resolve) => {
      channel.watchConnectivityState(connectivityState.READY, Number.POSITIVE_INFINITY, resolve);
    });
    await clock.advance(limits.xdsLastWordMs);
    await disconnected;
    await clock.advance(limits.xdsEndSpreadMs);
    const again = await new Stream(clientOf(mtls, { roots: trust, own: pemFor(spiffeId("cart"), trust) }))
      .hello("cart.default")
      .end();
    assert.deepEqual(again, expired);
  });
});
