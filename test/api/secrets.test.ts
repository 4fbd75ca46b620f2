/** Secrets on their way in and out: sealed in the store, redacted where they are shown, given to who may have them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { giveSecret, secretVersions } from "../../src/api/agents/secrets.ts";
import { sealedOf } from "../../src/api/apply/sealed.ts";
import type { Gateway } from "../../src/model/gateway.ts";
import type { Locality, Namespace } from "../../src/model/names.ts";
import type { Resource } from "../../src/model/object.ts";
import { nameOfStoredSecret } from "../../src/model/secret_name.ts";
import type { GatewayWorkload } from "../../src/model/workload.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { parseResources } from "../../src/resources/parse.ts";
import { toModel } from "../../src/resources/to_model.ts";
import { objectRecord, workloadRecord } from "../../src/store/keys.ts";
import type { OperationId, RecordKey } from "../../src/store/store.ts";
import { formsOfKey, WebAuthority, type WebCertificate } from "../support/web_certificates.ts";
import { startTestApi } from "./support/api.ts";
import { openCommitPorts } from "./support/commit_ports.ts";
import { testSealing } from "./support/sealing.ts";

const authority = await WebAuthority.create("the web");
const [web, renewed] = await Promise.all([authority.issue("web.example.com"), authority.issue("web.example.com")]);
const namespace = "default" as Namespace;

const secretText = (name: string, { cert, key }: WebCertificate): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name },
    stringData: { "tls.crt": cert, "tls.key": key },
  });

test("the store's bytes have nothing of the key: not in the record, nor in the log, before or after", async (t) => {
  const { call, server } = await startTestApi(t);
  for (const certificate of [web, renewed]) {
    const { status } = await call("POST", "/v1/apply", { body: secretText("web", certificate) });
    assert.equal(status, 200);
  }
  const bytes = Buffer.concat(
    server
      .stream("records")
      .after(0)
      .map(({ payload }) => Buffer.from(payload)),
  );
  assert.ok(bytes.includes("tls.key") && bytes.includes("keyId"), "it holds the Secret");
  for (const { key } of [web, renewed]) for (const form of formsOfKey(key)) assert.ok(!bytes.includes(form));
});

test("it is shown without what is in it; what was shown is refused, the same again changes nothing", async (t) => {
  const { call } = await startTestApi(t);
  const body = secretText("web", web);
  const first = await call("POST", "/v1/apply", { body });
  assert.deepEqual([first.body.applied[0].result, first.body.applied[0].generation], ["created", 1]);
  const shown = await call("GET", "/v1/resources/secret/default/web");
  assert.deepEqual(shown.body.data, { "tls.crt": "[redacted]", "tls.key": "[redacted]" });
  assert.equal(shown.body.type, "Opaque");
  assert.match(shown.body.status.notAfter, /^20\d\d-/);
  for (const answer of [shown, await call("GET", "/v1/resources")]) {
    for (const form of formsOfKey(web.key)) assert.ok(!answer.text.includes(form.toString("latin1")));
  }
  const back = await call("POST", "/v1/apply", { body: shown.text });
  assert.equal(back.status, 422);
  assert.deepEqual(
    back.body.problems.map(({ code }: { code: string }) => code),
    ["MSH1342", "MSH1342"],
  );
  assert.equal((await call("POST", "/v1/apply", { body })).body.applied[0].result, "unchanged");
  const again = await call("POST", "/v1/apply", { body: secretText("web", renewed) });
  assert.deepEqual([again.body.applied[0].result, again.body.applied[0].generation], ["configured", 2]);
});

test("contents that were moved to another Secret, or changed, or are another mesh's, do not open", () => {
  const [parsed] = parseResources({ text: secretText("web", web) }).resources;
  assert.ok(parsed);
  const sealing = testSealing();
  const sealed = sealedOf(parsed, sealing);
  assert.ok(sealed);
  assert.throws(() => sealing.open(sealed, "secret default/other 0"), /belongs to another record/);
  const bytes = Buffer.from(sealed.sealed, "base64");
  bytes.writeUInt8(bytes.readUInt8(3) ^ 1, 3);
  const { version } = toModel({ resource: parsed.resource, generation: 1, createdAtMs: 0 }) as { version?: string };
  const binding = `secret default/web ${version}`;
  assert.ok(sealing.open(sealed, binding).reveal().keyPair);
  assert.throws(() => sealing.open({ ...sealed, sealed: bytes.toString("base64") }, binding), /changed/);
  assert.throws(() => testSealing(2).open(sealed, binding), /sealed with key/);
});

function onlyResource(text: string): Resource {
  const [parsed] = parseResources({ text }).resources;
  assert.ok(parsed);
  return parsed.resource;
}

const workload = (name: string, labels: Readonly<Record<string, string>>, of = namespace): GatewayWorkload => ({
  name,
  namespace: of,
  serviceAccount: "default",
  labels,
  locality: "" as Locality,
  network: "",
  host: "h1",
  role: "gateway",
  eastWest: false,
  listeners: {},
});

const gateway: Gateway = {
  namespace,
  name: "edge",
  selector: { labels: { istio: "edge" } },
  servers: [
    {
      port: { number: 443, name: "https" },
      hosts: [{ namespace: "*", host: "*" }],
      serves: {
        kind: "https",
        tls: {
          kind: "own",
          own: { certificates: [nameOfStoredSecret({ kind: "certificate", credential: "web" })], cipherSuites: [] },
        },
      },
    },
  ],
  createdAt: 0,
};

test("an agent has a Secret for its own host's gateway that a Gateway names it for, in that namespace; others never", async (t) => {
  const { ports: opened } = await openCommitPorts(t);
  const sealing = testSealing();
  const ports = { ...opened, sealing, gateways: () => [gateway], rules: () => [], log: silentLogger };
  const edge = workload("edge", { istio: "edge" });
  const elsewhere = workload("elsewhere", { istio: "edge" }, "other" as Namespace);
  const unselected = workload("unselected", { istio: "another" });
  const values: [RecordKey, unknown][] = [edge, elsewhere, unselected].map((one) => [
    workloadRecord(one.namespace, one.name),
    one,
  ]);
  for (const name of ["web", "unnamed"]) {
    const [parsed] = parseResources({ text: secretText(name, web) }).resources;
    assert.ok(parsed);
    const { resource } = parsed;
    const stored = { resource, generation: 1, createdAtMs: 0, sealed: sealedOf(parsed, sealing) };
    values.push([objectRecord({ kind: "Secret", namespace, name }), stored]);
  }
  const writes = values.map(([key, value]) => ({ key, value, seen: undefined }));
  const { signal } = new AbortController();
  await opened.store.append("records", { writes, operation: "op" as OperationId }, signal);

  const ask = (host: string, of: string, name = "secret-cert:web") =>
    giveSecret(ports, host, { workload: of, name }, signal);
  assert.equal((await ask("h1", "edge.default")).keyPair?.key.trim(), web.key.trim());
  await assert.rejects(ask("h2", "edge.default"), { code: "denied" });
  await assert.rejects(ask("h1", "unselected.default"), { code: "denied" });
  await assert.rejects(ask("h1", "edge.default", "secret-cert:unnamed"), { code: "denied" });
  await assert.rejects(ask("h1", "edge.default", "secret-root:web"), { code: "denied" });
  await assert.rejects(ask("h1", "elsewhere.other"), { code: "not-found" });
  const rule = toModel({
    resource: onlyResource(
      "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: r}, spec: {host: a, trafficPolicy: {tls: {mode: MUTUAL, credentialName: unnamed}}}}",
    ),
    generation: 1,
    createdAtMs: 0,
  });
  const ruled = { ...ports, rules: () => (rule.kind === "DestinationRule" ? [rule] : []) };
  const unnamed = { workload: "unselected.default", name: "secret-cert:unnamed" };
  assert.ok((await giveSecret(ruled, "h1", unnamed, signal)).keyPair);
  await assert.rejects(giveSecret(ruled, "h2", unnamed, signal), { code: "denied" });
  const versions = secretVersions(ports, [edge, elsewhere, unselected]);
  assert.deepEqual(Object.keys(versions["edge.default"] ?? {}), ["secret-cert:web"]);
  assert.deepEqual([versions["elsewhere.other"], versions["unselected.default"]], [{}, {}]);
});
