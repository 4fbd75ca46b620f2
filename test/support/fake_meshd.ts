/**
 * A node that behaves, for tests of the agent: real TLS with its own authority, the whole attestation protocol, and an
 * ADS server (fake_ads.ts) that gives each workload listeners on its addresses. Its state is plain fields to look at.
 */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { TLSSocket } from "node:tls";
import { encodeJoinToken } from "../../src/certificates/attestation/join_token.ts";
import type {
  AttestReply,
  ChallengeRequest,
  Heartbeat,
  HostRequest,
  IssuedSvid,
  JoinRequest,
  SvidReply,
  SvidRequest,
  WorkloadSet,
  WorkloadSetReply,
} from "../../src/certificates/attestation/protocol.ts";
import { hostSignatureHolds, hostSigned, joinSigned } from "../../src/certificates/attestation/signatures.ts";
import { fingerprint } from "../../src/certificates/bundle.ts";
import { exportPrivateKey, makeKeyPair } from "../../src/certificates/key_pair.ts";
import { chainToPem, toPem } from "../../src/certificates/pem.ts";
import { readSigningRequest } from "../../src/certificates/signing_request.ts";
import { issuedForm, issueSvid } from "../../src/certificates/svid.ts";
import { agentId, meshdId, type SpiffeId, serviceAccountId } from "../../src/model/identity.ts";
import { nameOfWorkload, type Workload } from "../../src/model/workload.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { type TrustChain, trustChain, trustDomain } from "../certificates/fixtures.ts";
import { FakeAds } from "./fake_ads.ts";

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const refusal = (status: number, code: string): Answer => ({ status, body: { status, code, detail: code } });
const good = (body: unknown): Answer => ({ status: 200, body });

export interface FakeMeshdOptions {
  readonly svidLifetimeMs?: number;
  /** Serves no xDS, for tests without an Envoy. */
  readonly withoutAds?: boolean;
}

export class FakeMeshd {
  readonly chain: TrustChain;
  readonly heartbeats: Heartbeat[] = [];
  readonly sets: WorkloadSet[] = [];
  readonly issued: { readonly workload: string; readonly svid: IssuedSvid; readonly publicKey: string }[] = [];
  readonly joins: string[] = [];
  readonly hostAttestations: string[] = [];
  /** Host → registered key. */
  readonly hosts = new Map<string, string>();
  /** Workload → why it is refused. */
  readonly refusals = new Map<string, string>();
  gatewayPorts: Record<string, number[]> = {};
  /** Connections that were opened, and requests that came on them. */
  connections = 0;
  requests = 0;
  svidLifetimeMs: number;
  ads: FakeAds | undefined;
  readonly #tokens = new Set(["t0"]);
  readonly #nonces = new Set<string>();
  readonly #changed = new EventTarget();
  #server: Server | undefined;

  private constructor(chain: TrustChain, options: FakeMeshdOptions) {
    this.chain = chain;
    this.svidLifetimeMs = options.svidLifetimeMs ?? 60 * 60 * 1000;
  }

  static async start(options: FakeMeshdOptions = {}): Promise<FakeMeshd> {
    const meshd = new FakeMeshd(await trustChain(Date.now()), options);
    const tls = await meshd.#serverTls();
    meshd.#server = createServer({ ...tls, requestCert: true, rejectUnauthorized: false }, (request, response) => {
      void meshd.#handle(request, response);
    });
    meshd.#server.on("connection", () => {
      meshd.connections++;
      meshd.#changed.dispatchEvent(new Event("change"));
    });
    meshd.#server.listen(0, "127.0.0.1");
    await once(meshd.#server, "listening");
    if (!options.withoutAds) meshd.ads = await FakeAds.start({ ...tls, workload: (name) => meshd.workload(name) });
    return meshd;
  }

  get address(): string {
    const address = this.#server?.address() as AddressInfo;
    return `127.0.0.1:${address.port}`;
  }

  get token(): string {
    return encodeJoinToken({
      version: 1,
      id: "t0",
      secret: "secret",
      rootFingerprint: fingerprint(this.chain.root),
      trustDomain,
      addresses: [this.address],
    });
  }

  workload(name: string): Workload | undefined {
    return this.registered(name)?.workload;
  }

  registered(name: string): WorkloadSet["workloads"][number] | undefined {
    return this.sets.at(-1)?.workloads.find(({ workload }) => nameOfWorkload(workload) === name);
  }

  /** Resolves as soon as `look` answers something; looked at after every request. */
  async until<T>(look: () => T | undefined | false): Promise<T> {
    for (;;) {
      const found = look();
      if (found !== undefined && found !== false) return found;
      await once(this.#changed, "change");
    }
  }

  async stop(): Promise<void> {
    this.ads?.stop();
    this.#server?.closeAllConnections();
    this.#server?.close();
  }

  async #serverTls(): Promise<{ readonly key: string; readonly cert: string; readonly ca: string }> {
    const keys = makeKeyPair();
    const id = meshdId(trustDomain);
    const order = { spiffeId: id, publicKey: keys.publicKey, lifetimeMs: 60 * 60 * 1000 };
    const { chain } = await issueSvid(order, this.chain.issuer, Date.now(), systemRandom);
    return {
      key: toPem("PRIVATE KEY", exportPrivateKey(keys.privateKey)),
      cert: chainToPem([...chain, this.chain.root]),
      ca: toPem("CERTIFICATE", this.chain.root),
    };
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests++;
    let text = "";
    for await (const part of request) text += String(part);
    const answer = await this.#answer(`${request.method} ${request.url}`, JSON.parse(text), agentOn(request));
    response.writeHead(answer.status, { "content-type": "application/json" }).end(JSON.stringify(answer.body));
    this.#changed.dispatchEvent(new Event("change"));
  }

  async #answer(what: string, body: unknown, agent: string | undefined): Promise<Answer> {
    switch (what) {
      case "POST /v1/attest/join":
        return this.#join(body as JoinRequest);
      case "POST /v1/attest/challenge":
        return this.#challenge(body as ChallengeRequest);
      case "POST /v1/attest/host":
        return this.#host(body as HostRequest);
    }
    if (agent === undefined) return refusal(401, "unauthorized");
    switch (what) {
      case "PUT /v1/agent/workloads":
        return this.#register(body as WorkloadSet);
      case "POST /v1/agent/svids":
        return this.#svids(body as SvidRequest);
      case "POST /v1/agent/heartbeat":
        return this.#heartbeat(body as Heartbeat);
      default:
        return refusal(404, "not-found");
    }
  }

  async #join(body: JoinRequest): Promise<Answer> {
    const { tokenId, tokenSecret, hostName, hostKey, csr, signature } = body;
    if (tokenSecret !== "secret" || !this.#tokens.delete(tokenId)) return refusal(403, "token-refused");
    if (!hostSignatureHolds(hostKey, joinSigned(body), signature)) return refusal(403, "bad-signature");
    this.hosts.set(hostName, hostKey);
    this.joins.push(hostName);
    return good(await this.#attested(hostName, csr));
  }

  #challenge({ hostName }: ChallengeRequest): Answer {
    if (!this.hosts.has(hostName)) return refusal(403, "host-unknown");
    const nonce = Buffer.from(systemRandom.bytes(16)).toString("hex");
    this.#nonces.add(nonce);
    return good({ nonce });
  }

  async #host(body: HostRequest): Promise<Answer> {
    const key = this.hosts.get(body.hostName);
    const fresh = this.#nonces.delete(body.nonce);
    if (!key || !fresh || !hostSignatureHolds(key, hostSigned(body), body.signature)) return refusal(403, "denied");
    this.hostAttestations.push(body.hostName);
    return good(await this.#attested(body.hostName, body.csr));
  }

  async #attested(hostName: string, csr: string): Promise<AttestReply> {
    const { svid } = await this.#issue(agentId(trustDomain, hostName), csr);
    return { svid, bundle: this.chain.bundle, nodes: this.#nodes() };
  }

  #nodes() {
    return { agents: [this.address], xds: this.ads ? [this.ads.address] : [] };
  }

  #register(set: WorkloadSet): Answer {
    this.sets.push(set);
    const refused = set.workloads.flatMap(({ workload }) => {
      const name = nameOfWorkload(workload);
      const code = this.refusals.get(name);
      return code === undefined ? [] : [{ workload: name, code, message: `${name}: ${code}` }];
    });
    this.ads?.update();
    const reply: WorkloadSetReply = { revision: `r-${this.sets.length}`, endpointsToken: "e-1", refused };
    return good(reply);
  }

  async #svids({ requests }: SvidRequest): Promise<Answer> {
    const issued: SvidReply["issued"][number][] = [];
    const refused: SvidReply["refused"][number][] = [];
    for (const { workload, csr } of requests) {
      const record = this.workload(workload);
      if (!record) {
        refused.push({ workload, code: "not-registered", message: "not registered" });
        continue;
      }
      const { svid, publicKey } = await this.#issue(serviceAccountId(trustDomain, record), csr);
      this.issued.push({ workload, svid, publicKey });
      issued.push({ workload, svid });
    }
    const reply: SvidReply = { issued, refused };
    return good(reply);
  }

  async #issue(spiffeId: SpiffeId, csr: string): Promise<{ readonly svid: IssuedSvid; readonly publicKey: string }> {
    const read = readSigningRequest(Buffer.from(csr, "base64"));
    if (read.kind === "refused") throw new Error(read.message);
    const order = { spiffeId, publicKey: read.publicKey, lifetimeMs: this.svidLifetimeMs };
    const svid = issuedForm(await issueSvid(order, this.chain.issuer, Date.now(), systemRandom));
    return { svid, publicKey: Buffer.from(read.publicKey).toString("base64") };
  }

  #heartbeat(body: Heartbeat): Answer {
    this.heartbeats.push(body);
    return good({ nodes: this.#nodes(), gatewayPorts: this.gatewayPorts, resend: false });
  }
}

/** The host whose agent's certificate the connection presented. */
function agentOn(request: IncomingMessage): string | undefined {
  const { socket } = request;
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  return /URI:spiffe:\/\/[^/]+\/agent\/([^,]+)/.exec(socket.getPeerCertificate().subjectaltname ?? "")?.[1];
}
