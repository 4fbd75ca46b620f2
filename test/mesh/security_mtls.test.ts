/**
 * Mutual TLS through real Envoys: who is taken at a sidecar's inbound port under each PeerAuthentication mode, and as whom
 * the sidecar presents itself.
 */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { toBase64 } from "../../src/certificates/base64.ts";
import { rootsOf } from "../../src/certificates/bundle.ts";
import { makeKeyPair } from "../../src/certificates/key_pair.ts";
import { chainToPem } from "../../src/certificates/pem.ts";
import { verifySvidProfile } from "../../src/certificates/svid_profile.ts";
import { spiffeId, svidFor, trustChain } from "../certificates/fixtures.ts";
import { type Echo, startHttpEcho, startTcpEcho } from "../support/echo.ts";
import { type JoinedHost, joinHost, presented } from "../support/joined_host.ts";
import { all, LiveObjects } from "../support/live_objects.ts";
import { Mesh } from "../support/mesh.ts";
import { opensslText, opensslVerify } from "../support/openssl.ts";
import {
  openPlain,
  presentedChain,
  type RawAnswer,
  RawConnection,
  rawRequest,
  reachesTcpEcho,
  sendRaw,
  type TlsIdentity,
} from "../support/raw_http.ts";
import { send, sendMany, startLoad } from "../support/requests.ts";
import { type RunningWorkload, Workloads } from "../support/workload.ts";

const request = rawRequest({ headers: ["Host: vault"] });

let mesh: Mesh;
let objects: LiveObjects;
let workloads: Workloads;
let http: Echo;
let open: Echo;
let tcp: Echo;
let vault: RunningWorkload;
let caller: RunningWorkload;
let host: JoinedHost;
let svid: TlsIdentity & { readonly spiffeId: string };
let foreign: TlsIdentity;

before(async () => {
  mesh = await Mesh.start({ demo: false });
  objects = new LiveObjects(mesh);
  workloads = new Workloads(mesh);
  [http, open, tcp] = await Promise.all([startHttpEcho(), startHttpEcho(), startTcpEcho()]);
  vault = await workloads.sidecar({
    service: "vault",
    ports: [
      { name: "http", port: 80, appPort: http.port },
      { name: "http-open", port: 81, appPort: open.port },
      { name: "tcp", port: 90, appPort: tcp.port },
    ],
  });
  const upstreams = [{ service: "vault", port: 90 }];
  caller = await workloads.sidecar({ service: "caller", upstreams });
  host = await joinHost(mesh);
  svid = await host.identity("stranger");
  foreign = await anotherMeshs("stranger");
});

after(async () => {
  host?.close();
  await workloads?.stop();
  for (const echo of [http, open, tcp]) echo?.close();
  await mesh?.remove();
});

/** The same name in the same trust domain, by a root that this mesh has never seen. */
async function anotherMeshs(account: string): Promise<TlsIdentity> {
  const keys = makeKeyPair();
  const { chain } = svidFor(spiffeId(account), await trustChain(Date.now()), Date.now(), keys);
  return presented(keys, chain.map(toBase64));
}

interface Asked {
  readonly port?: "http" | "http-open" | "tcp";
  /** Absent: plaintext. */
  readonly tls?: { readonly identity?: TlsIdentity; readonly alpn?: readonly string[] };
}

async function ask({ port = "http", tls }: Asked): Promise<RawAnswer> {
  const answer = await sendRaw({ to: vault.inbounds[port] ?? "", bytes: request, ...(tls ? { tls } : {}) });
  if (answer.kind !== "http") assert.equal(answer.text, "", "closed without a byte of an answer");
  return answer;
}

/** What became of it, and that the application was asked only then. */
async function outcome(asked: Asked): Promise<number | "closed" | "open"> {
  const application = asked.port === "http-open" ? open : http;
  application.takeReached();
  const answer = await ask(asked);
  assert.equal(application.takeReached().length, answer.kind === "http" && answer.status === 200 ? 1 : 0);
  return answer.kind === "http" ? answer.status : answer.kind;
}

const h1 = ["http/1.1"];

interface Admitted {
  readonly plaintext: number | "closed";
  readonly ownMesh: number | "closed";
}

async function assertAdmitted(port: NonNullable<Asked["port"]>, { plaintext, ownMesh }: Admitted): Promise<void> {
  const seen = {
    plaintext: await outcome({ port }),
    ownMesh: await outcome({ port, tls: { identity: svid, alpn: h1 } }),
    withoutAlpn: await outcome({ port, tls: { identity: svid } }),
    otherRoot: await outcome({ port, tls: { identity: foreign, alpn: h1 } }),
    noCertificate: await outcome({ port, tls: { alpn: h1 } }),
  };
  const wanted = { plaintext, ownMesh, withoutAlpn: ownMesh, otherRoot: "closed", noCertificate: "closed" };
  assert.deepEqual(seen, wanted);
}

function peerAuthentication(name: string, spec: string, namespace = "default"): string {
  return `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: ${name}, namespace: ${namespace}}
spec: ${spec}
`;
}

const strict = peerAuthentication("default", "{mtls: {mode: STRICT}}");
const callVault = () => send({ via: caller.outbound, host: "vault" });

describe("nothing said: PERMISSIVE", () => {
  test("plaintext and the mesh's own certificates are taken, others are not", async () => {
    await assertAdmitted("http", { plaintext: 200, ownMesh: 200 });
  });

  test("a caller's sidecar uses mTLS all the same", async () => {
    http.takeReached();
    assert.equal((await callVault()).status, 200);
    const [reached] = http.takeReached();
    assert.match(reached?.headers.join("\n") ?? "", /URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/caller/);
  });
});

describe("STRICT in the namespace", () => {
  before(() => objects.replace(strict));

  test("plaintext is closed without an answer, and so is a certificate of another root", async () => {
    await assertAdmitted("http", { plaintext: "closed", ownMesh: 200 });
    await assertAdmitted("http-open", { plaintext: "closed", ownMesh: 200 });
  });

  test("plaintext to a TCP port is closed", async () => {
    tcp.takeReached();
    assert.equal((await ask({ port: "tcp" })).kind, "closed");
    assert.equal((await ask({ port: "tcp", tls: { identity: foreign, alpn: ["weft"] } })).kind, "closed");
    assert.deepEqual(tcp.takeReached(), []);
    const [through = ""] = Object.values(caller.upstreams);
    assert.equal(await reachesTcpEcho(through), true);
  });

  test("a caller of the mesh notices nothing", async () => {
    const answers = await sendMany({ via: caller.outbound, host: "vault" }, 100, 4);
    assert.ok(answers.every(({ status }) => status === 200));
  });

  test("the served certificate is the workload's SPIFFE ID and keeps the SPIFFE profile", async () => {
    for (const inbound of Object.values(vault.inbounds)) {
      const chain = await presentedChain(inbound, { identity: svid });
      assert.deepEqual(await verifySvidProfile(chain, host.bundle, Date.now()), []);
      assert.equal(vault.spiffeId, "spiffe://cluster.local/ns/default/sa/vault");
      const [leaf] = chain;
      assert.ok(leaf);
      assert.equal(new X509Certificate(leaf).subjectAltName, `URI:${vault.spiffeId}`);
    }
  });

  test("openssl sees it so too", async (context) => {
    const chain = chainToPem(await presentedChain(vault.inbound ?? "", { identity: svid }));
    const roots = chainToPem(rootsOf(host.bundle, host.bundle.trustDomain));
    const verdicts = (["sslserver", "sslclient"] as const).map((purpose) => opensslVerify({ chain, roots, purpose }));
    const words = opensslText(chain);
    if (!words) return context.skip("there is no openssl on PATH");
    for (const verdict of verdicts) assert.ok(verdict?.good, verdict?.text);
    assert.match(
      words.text,
      /X509v3 Subject Alternative Name:.*\n\s+URI:spiffe:\/\/cluster\.local\/ns\/default\/sa\/vault\n/,
    );
    assert.match(words.text, /X509v3 Key Usage: critical\n\s+Digital Signature/);
    const foreignVerdict = opensslVerify({ chain: foreign.chainPem, roots, purpose: "sslclient" });
    assert.equal(foreignVerdict?.good, false, "openssl would tell the other mesh's apart");
  });
});

describe("other modes", () => {
  test("STRICT for a workload but one port: portLevelMtls names the application's port", async () => {
    const ports = `{${open.port}: {mode: PERMISSIVE}}`;
    const spec = `{selector: {matchLabels: {app: vault}}, mtls: {mode: STRICT}, portLevelMtls: ${ports}}`;
    await objects.replace(peerAuthentication("vault", spec));
    await assertAdmitted("http", { plaintext: "closed", ownMesh: 200 });
    await assertAdmitted("http-open", { plaintext: 200, ownMesh: 200 });
  });

  test("a port may be stricter than its workload, and UNSET inherits the namespace's", async () => {
    const ports = `{${http.port}: {mode: STRICT}}`;
    const own = peerAuthentication("vault", `{selector: {matchLabels: {app: vault}}, portLevelMtls: ${ports}}`);
    await objects.replace(own);
    await assertAdmitted("http", { plaintext: "closed", ownMesh: 200 });
    await assertAdmitted("http-open", { plaintext: 200, ownMesh: 200 });
    await objects.replace(all(own, strict));
    await assertAdmitted("http-open", { plaintext: "closed", ownMesh: 200 });
  });

  test("the whole mesh's, from the root namespace, until the namespace says otherwise", async () => {
    const meshWide = peerAuthentication("default", "{mtls: {mode: STRICT}}", "mesh-system");
    await objects.replace(meshWide);
    await assertAdmitted("http", { plaintext: "closed", ownMesh: 200 });
    await objects.replace(all(meshWide, peerAuthentication("default", "{mtls: {mode: PERMISSIVE}}")));
    await assertAdmitted("http", { plaintext: 200, ownMesh: 200 });
    assert.equal((await callVault()).status, 200);
  });

  test("a policy for another workload or namespace does not reach this one", async () => {
    const other = peerAuthentication("other", "{selector: {matchLabels: {app: other}}, mtls: {mode: STRICT}}");
    const elsewhere = peerAuthentication("default", "{mtls: {mode: STRICT}}", "elsewhere");
    await objects.replace(all(other, elsewhere));
    await assertAdmitted("http", { plaintext: 200, ownMesh: 200 });
  });

  test("DISABLE: TLS is not understood, and callers of the mesh know it", async () => {
    await objects.replace(peerAuthentication("default", "{mtls: {mode: DISABLE}}"));
    assert.equal(await outcome({}), 200);
    http.takeReached();
    const answer = await sendRaw({ to: vault.inbound ?? "", bytes: request, tls: { identity: svid, alpn: h1 } });
    assert.equal(answer.kind, "closed");
    assert.deepEqual(http.takeReached(), []);
    // Its connections from before drain: each carries one request more.
    const vouchers: boolean[] = [];
    while (vouchers.at(-1) !== false && vouchers.length < 20) {
      assert.equal((await callVault()).status, 200);
      const [reached] = http.takeReached();
      vouchers.push(reached?.headers.some((value) => value.includes("spiffe:")) ?? false);
    }
    assert.equal(vouchers.at(-1), false, "nobody vouches for a caller in plaintext");
  });
});

describe("a plaintext connection that was open before STRICT came", () => {
  // Envoy's drain: `connection: close` at once, then 5 s for a client that does not go by itself, and 1 s to close.
  const drainedWithinMs = 15_000;

  test("is told to leave by its next answer, and closed soon after if it does not", async () => {
    await objects.replace("");
    const old = new RawConnection(openPlain(vault.inbound ?? ""));
    const keptAlive = rawRequest({ headers: ["Host: vault"], keepAlive: true });
    const [first, second] = [await old.send(keptAlive), await objects.replace(strict).then(() => old.send(keptAlive))];
    assert.doesNotMatch(first.text, /^connection: close\r$/m);
    assert.match(second.text, /^connection: close\r$/m);
    assert.equal(await old.closedWithin(drainedWithinMs), true);
  });
});

describe("a change of mode under load", () => {
  test("no request of a caller of the mesh fails", async () => {
    await objects.replace("");
    const load = startLoad({ via: caller.outbound, host: "vault" });
    for (const mode of ["STRICT", "PERMISSIVE", "DISABLE", "PERMISSIVE"]) {
      await objects.replace(peerAuthentication("default", `{mtls: {mode: ${mode}}}`));
      await load.more(25);
    }
    const answers = await load.stop();
    const failed = answers.filter(({ status }) => status !== 200);
    assert.deepEqual(failed.slice(0, 3), [], `${failed.length} of ${answers.length} failed`);
  });
});
