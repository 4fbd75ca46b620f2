// SDS: what one stream is sent and when, and the server on its socket as Envoy would use it.

import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Client, type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import { SecretSchema } from "#envoy/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { SPIFFECertValidatorConfigSchema } from "#envoy/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js";
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  type DiscoveryRequest,
  DiscoveryRequestSchema,
  type DiscoveryResponse,
} from "#envoy/envoy/service/discovery/v3/discovery_pb.js";
import type { Identity } from "../../src/agent/identities.ts";
import { certificateOf, type OfferedSecret, trustOf } from "../../src/agent/sds/secrets.ts";
import { SecretServer, secretDiscoveryService } from "../../src/agent/sds/server.ts";
import { secretsDirectory, socketPath } from "../../src/agent/sds/socket_path.ts";
import { type SecretRequest, Subscription } from "../../src/agent/sds/subscription.ts";
import { defaultNamespace, workloadName } from "../../src/model/names.ts";
import { type Clock, systemClock } from "../../src/platform/clock.ts";
import { limits } from "../../src/platform/limits.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { trustChain } from "../certificates/fixtures.ts";
import { ManualClock } from "../support/manual_clock.ts";

const identity = (serial: string): Identity => ({
  spiffeId: "spiffe://cluster.local/ns/default/sa/default",
  keyPem: `key of ${serial}`,
  chainPem: `chain of ${serial}`,
  serial,
  notAfterMs: 0,
});

const noSecrets = () => Promise.reject(new Error("there are none"));
const nothing: SecretRequest = { subscribe: [], unsubscribe: [], initial: {}, nonce: "" };
const offers = (...secrets: readonly OfferedSecret[]) => new Map(secrets.map((secret) => [secret.name, secret]));

test("a secret that is not there yet is not answered; when it is there it is sent once", () => {
  const stream = new Subscription();
  stream.ask({ ...nothing, names: ["default"] });
  assert.equal(stream.next(offers()), undefined);
  const secret = certificateOf(identity("01"));
  const sent = stream.next(offers(secret));
  assert.deepEqual(sent?.secrets, [secret]);
  assert.deepEqual(stream.settle({ ...nothing, names: ["default"], nonce: sent?.nonce ?? "" }), { secrets: [secret] });
  assert.equal(stream.next(offers(secret)), undefined);
});

test("one response is under way at a time, and the newest secret follows it", () => {
  const stream = new Subscription();
  stream.ask({ ...nothing, subscribe: ["default"] });
  const first = stream.next(offers(certificateOf(identity("01"))));
  assert.equal(stream.next(offers(certificateOf(identity("02")))), undefined);
  stream.settle({ ...nothing, nonce: first?.nonce ?? "" });
  const third = certificateOf(identity("03"));
  assert.deepEqual(stream.next(offers(third))?.secrets, [third]);
});

test("what an Envoy refused is not sent again until it has changed", () => {
  const stream = new Subscription();
  const bad = certificateOf(identity("01"));
  stream.ask({ ...nothing, subscribe: ["default"] });
  const sent = stream.next(offers(bad));
  const settled = stream.settle({ ...nothing, nonce: sent?.nonce ?? "", refusal: "bad key" });
  assert.equal(settled?.refusal, "bad key");
  assert.equal(stream.next(offers(bad)), undefined);
  assert.notEqual(stream.next(offers(certificateOf(identity("02")))), undefined);
});

test("delta: what the Envoy holds from an earlier stream is not sent, what it dropped and wants again is", () => {
  const held = certificateOf(identity("01"));
  const stream = new Subscription();
  stream.ask({ ...nothing, subscribe: ["default"], initial: { default: held.version } });
  assert.equal(stream.next(offers(held)), undefined);
  stream.ask({ ...nothing, unsubscribe: ["default"] });
  stream.ask({ ...nothing, subscribe: ["default"] });
  assert.deepEqual(stream.next(offers(held))?.secrets, [held]);
});

test("ROOTCA keeps trust domains apart", async () => {
  const { bundle } = await trustChain(Date.now());
  const two = { ...bundle, roots: { "peer.example": bundle.roots["cluster.local"] ?? [], ...bundle.roots, empty: [] } };
  const secret = anyUnpack(trustOf(two).resource, SecretSchema);
  assert.ok(secret?.type.case === "validationContext");
  const { customValidatorConfig } = secret.type.value;
  assert.equal(customValidatorConfig?.name, "envoy.tls.cert_validator.spiffe");
  const config = customValidatorConfig?.typedConfig;
  const spiffe = config && anyUnpack(config, SPIFFECertValidatorConfigSchema);
  assert.deepEqual(
    spiffe?.trustDomains.map(({ name }) => name),
    ["cluster.local", "peer.example"],
  );
  assert.equal(
    trustOf(bundle).version,
    trustOf({ ...bundle, sequence: 9 }).version,
    "the same roots, the same version",
  );
});

test("sockets: one of a fixed length for each workload, in a short directory whatever the state directory", () => {
  const [one, other] = [workloadName("reviews-v1", defaultNamespace), workloadName("reviews-v2", defaultNamespace)];
  assert.equal(secretsDirectory("/run/weft", {}), "/run/weft/sds");
  const short = secretsDirectory(`/var/lib/${"x".repeat(120)}`, { XDG_RUNTIME_DIR: "/run/user/7" });
  assert.match(short, /^\/run\/user\/7\/weft-[0-9a-f]{16}$/);
  assert.ok(socketPath(short, one).length <= 103);
  assert.notEqual(socketPath(short, one), socketPath(short, other));
});

const { streamSecrets, deltaSecrets } = secretDiscoveryService;

async function data<In, Out>(call: ClientDuplexStream<In, Out>): Promise<Out> {
  const [message] = await once(call, "data");
  return message;
}

async function withServer(
  story: (server: SecretServer, client: Client) => Promise<void>,
  { clock = systemClock, onSettled = () => {} }: { readonly clock?: Clock; readonly onSettled?: () => void } = {},
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "weft-sds-"));
  const server = await SecretServer.listen(join(directory, "s.sock"), {
    ...{ clock, onSettled },
    log: silentLogger,
    fetch: noSecrets,
  });
  const client = new Client(`unix:${directory}/s.sock`, credentials.createInsecure());
  try {
    await story(server, client);
  } finally {
    client.close();
    server.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

test("the server speaks state of the world: push on renewal, and the serial that was acknowledged", async () => {
  await withServer(async (server, client) => {
    const { path, requestSerialize, responseDeserialize } = streamSecrets;
    const call: ClientDuplexStream<DiscoveryRequest, DiscoveryResponse> = client.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
    );
    call.on("error", () => {});
    const ask = (nonce: string): boolean =>
      call.write(create(DiscoveryRequestSchema, { resourceNames: ["default"], responseNonce: nonce }));
    ask("");
    server.offerIdentity(identity("0a"));
    const first: DiscoveryResponse = await data(call);
    assert.equal(server.acknowledgedSerial, undefined);
    ask(first.nonce);
    server.offerIdentity(identity("0b"));
    const second: DiscoveryResponse = await data(call);
    assert.equal(server.acknowledgedSerial, "0a");
    assert.notEqual(second.versionInfo, first.versionInfo);
    const [secret] = second.resources.map((resource) => anyUnpack(resource, SecretSchema));
    assert.ok(secret?.type.case === "tlsCertificate");
    assert.equal(secret.type.value.privateKey?.specifier.value, "key of 0b");
    call.cancel();
  });
});

const delta = (client: Client): ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse> => {
  const { path, requestSerialize, responseDeserialize } = deltaSecrets;
  const call: ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse> = client.makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
  );
  call.on("error", () => {});
  return call;
};

test("the server speaks delta, and gives a stream no secret that it did not ask for", async () => {
  await withServer(async (server, client) => {
    server.offerIdentity(identity("0a"));
    server.offerTrust((await trustChain(Date.now())).bundle);
    const call = delta(client);
    call.write(create(DeltaDiscoveryRequestSchema, { resourceNamesSubscribe: ["ROOTCA", "default-of-another"] }));
    const response: DeltaDiscoveryResponse = await data(call);
    assert.deepEqual(
      response.resources.map(({ name }) => name),
      ["ROOTCA"],
    );
    call.cancel();
  });
});

test("secrets that are files: answered when they can be read, and again when they have changed", async () => {
  const clock = new ManualClock();
  const files = mkdtempSync(join(tmpdir(), "weft-files-"));
  const write = (name: string, text: string): void => writeFileSync(join(files, name), text);
  const names = [`file-cert:${files}/c~${files}/k`, `file-root:${files}/missing`];
  try {
    write("c", "a chain");
    write("k", "a key");
    await withServer(
      async (_, client) => {
        const call = delta(client);
        call.write(create(DeltaDiscoveryRequestSchema, { resourceNamesSubscribe: names }));
        const first: DeltaDiscoveryResponse = await data(call);
        assert.deepEqual(textsIn(first), ["a chain", "a key"]);
        call.write(create(DeltaDiscoveryRequestSchema, { responseNonce: first.nonce }));
        write("missing", "roots");
        const second = await afterPolls(clock, data(call));
        assert.deepEqual(textsIn(second), ["roots"]);
        call.write(create(DeltaDiscoveryRequestSchema, { responseNonce: second.nonce }));
        write("c", "another chain");
        assert.deepEqual(textsIn(await afterPolls(clock, data(call))), ["another chain", "a key"]);
        call.cancel();
      },
      { clock },
    );
  } finally {
    rmSync(files, { recursive: true });
  }
});

test("what an Envoy is done with is told: taken or refused, or not there; of one stream that asks again, too", async () => {
  const files = mkdtempSync(join(tmpdir(), "weft-files-"));
  writeFileSync(join(files, "c"), "a chain");
  writeFileSync(join(files, "k"), "a key");
  const [pair, missing] = [`file-cert:${files}/c~${files}/k`, `file-root:${files}/missing`];
  const told = new EventEmitter();
  const settled = async (wanted: readonly string[], server: SecretServer): Promise<void> => {
    while (JSON.stringify(Object.keys(server.settled)) !== JSON.stringify(wanted)) await once(told, "settled");
  };
  try {
    await withServer(
      async (server, client) => {
        const call = delta(client);
        call.write(create(DeltaDiscoveryRequestSchema, { resourceNamesSubscribe: ["default", pair, missing] }));
        server.offerIdentity(identity("0a"));
        const first: DeltaDiscoveryResponse = await data(call);
        await settled([missing], server);
        call.write(create(DeltaDiscoveryRequestSchema, { responseNonce: first.nonce }));
        if (first.resources.length < 2) {
          const second: DeltaDiscoveryResponse = await data(call);
          call.write(create(DeltaDiscoveryRequestSchema, { responseNonce: second.nonce }));
        }
        await settled([pair, missing], server);
        call.write(create(DeltaDiscoveryRequestSchema, { resourceNamesUnsubscribe: [pair] }));
        await settled([missing], server);
        call.cancel();
      },
      { onSettled: () => told.emit("settled") },
    );
  } finally {
    rmSync(files, { recursive: true });
  }
});

/** A look that finds the one before it still reading leaves it to the next. */
async function afterPolls<T>(clock: ManualClock, awaited: Promise<T>): Promise<T> {
  let waiting = true;
  const settled = awaited.finally(() => {
    waiting = false;
  });
  while (waiting) {
    await clock.advance(limits.secretFilePollMs);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return settled;
}

function textsIn({ resources }: DeltaDiscoveryResponse): readonly unknown[] {
  return resources.flatMap(({ resource }) => {
    const type = (resource && anyUnpack(resource, SecretSchema))?.type;
    if (type?.case === "validationContext") return [type.value.trustedCa?.specifier.value];
    assert.ok(type?.case === "tlsCertificate");
    return [type.value.certificateChain?.specifier.value, type.value.privateKey?.specifier.value];
  });
}
