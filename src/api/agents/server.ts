/**
 * The agents' listener: the server side of certificates/attestation/protocol.ts, HTTPS on a port of its own. Before a
 * certificate was presented there is only attestation, at a bounded rate. The node's own certificate is replaced while
 * it runs. Started by meshd.
 */
import type { Socket } from "node:net";
import { type PeerCertificate, TLSSocket } from "node:tls";
import { type FastifyInstance, type FastifyRequest, fastify } from "fastify";
import { acceptWidely, sharedAddress } from "../../platform/accepting.ts";
import { limits } from "../../platform/limits.ts";
import { jsonBody } from "../body.ts";
import { withDeadline } from "../deadline.ts";
import { answerFrameworkError, speakProblems } from "../http.ts";
import { ApiRefusal } from "../problem_details.ts";
import { answerHeartbeat } from "./heartbeat.ts";
import { identifyPeer } from "./peer.ts";
import type { AgentPorts, AttestRefused } from "./ports.ts";
import { RateLimit } from "./rate_limit.ts";
import { registerWorkloads } from "./register.ts";
import {
  challengeRequest,
  heartbeat,
  hostRequest,
  joinRequest,
  storedSecretRequest,
  svidRequest,
  workloadSet,
} from "./requests.ts";
import { giveSecret } from "./secrets.ts";
import { issueSvids } from "./svids.ts";

export interface AgentListener {
  /** host:port, as it listens. */
  readonly address: string;
  close(): Promise<void>;
}

export async function startAgentListener(
  ports: AgentPorts,
  listen: { readonly host: string; readonly port: number },
): Promise<AgentListener> {
  const app = fastify({
    bodyLimit: limits.endpointsBytes,
    forceCloseConnections: true,
    frameworkErrors: (cause, _request, reply) => answerFrameworkError(cause, reply.raw),
    requestTimeout: limits.agentRequestTimeoutMs,
    https: {
      ...secureContext(ports),
      requestCert: true,
      // Attestation comes without a certificate; the other calls ask identifyPeer.
      rejectUnauthorized: false,
      minVersion: "TLSv1.3",
      handshakeTimeout: limits.agentHandshakeMs,
    },
  });
  // Those whose handshake is not done are known to nobody else; a stop must not wait for them.
  const sockets = new Set<Socket>();
  app.server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  // Half a handshake, random bytes: the connection is gone already, and nobody else is concerned.
  app.server.on("tlsClientError", (cause) => ports.log.debug("agent handshake failed", { because: cause.message }));
  speakProblems(app, ports.log);
  routeAttestation(app, ports);
  routeAgent(app, ports);
  const stop = ports.certificates.onChange(() => app.server.setSecureContext(secureContext(ports)));
  const at = await sharedAddress(listen);
  const url = new URL(await app.listen(at));
  const stopAccepting = await acceptWidely(app.server, at, limits.agentConnections);
  return {
    address: url.host,
    async close() {
      stop();
      const closed = Promise.all([stopAccepting(), app.close()]);
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function secureContext(ports: AgentPorts): { key: string; cert: string; ca: string } {
  const { key, certChainWithRoot, roots } = ports.certificates.current();
  return { key, cert: certChainWithRoot, ca: roots };
}

type App = FastifyInstance<import("node:https").Server>;

function routeAttestation(app: App, ports: AgentPorts): void {
  const rate = new RateLimit(ports.clock, { perSecond: limits.attestPerSecond, burst: limits.attestBurst });
  const onRequest = async (): Promise<void> => {
    if (!rate.take()) throw new ApiRefusal("too-many-requests", "too many hosts attest at once; try again in a second");
  };
  const options = { onRequest, bodyLimit: limits.attestBytes };
  app.post("/v1/attest/join", options, async (request) => {
    const answer = await ports.attestation.join(jsonBody(request, joinRequest));
    if (answer.kind === "refused") throw attestRefusal(answer);
    return answer.reply;
  });
  app.post("/v1/attest/challenge", options, (request) => {
    const answer = ports.attestation.challenge(jsonBody(request, challengeRequest).hostName);
    if (answer.kind === "refused") throw attestRefusal(answer);
    return answer.challenge;
  });
  app.post("/v1/attest/host", options, async (request) => {
    const answer = await ports.attestation.host(jsonBody(request, hostRequest));
    if (answer.kind === "refused") throw attestRefusal(answer);
    return answer.reply;
  });
}

function attestRefusal({ code, message, retry }: AttestRefused): ApiRefusal {
  return new ApiRefusal(retry === "later" ? "unavailable" : "denied", message, { told: code });
}

function routeAgent(app: App, ports: AgentPorts): void {
  const onRequest = async (request: FastifyRequest): Promise<void> => void hostOf(request, ports);
  app.put("/v1/agent/workloads", { onRequest }, (request) => {
    const set = jsonBody(request, workloadSet);
    return withDeadline(ports.clock, limits.applyMs, (signal) =>
      registerWorkloads(ports, hostOf(request, ports), set, signal),
    );
  });
  app.post("/v1/agent/svids", { onRequest }, (request) => {
    const { requests } = jsonBody(request, svidRequest);
    return withDeadline(ports.clock, limits.applyMs, (signal) =>
      issueSvids(ports, hostOf(request, ports), requests, signal),
    );
  });
  app.post("/v1/agent/secrets", { onRequest }, (request) => {
    const asked = jsonBody(request, storedSecretRequest);
    return withDeadline(ports.clock, limits.applyMs, (signal) =>
      giveSecret(ports, hostOf(request, ports), asked, signal),
    );
  });
  app.post("/v1/agent/heartbeat", { onRequest }, (request) =>
    answerHeartbeat(ports, hostOf(request, ports), jsonBody(request, heartbeat)),
  );
}

/** The host whose agent calls; refuses everybody else. */
function hostOf(request: FastifyRequest, ports: AgentPorts): string {
  const { socket } = request.raw;
  if (!(socket instanceof TLSSocket)) throw new ApiRefusal("unauthorized", "this listener speaks TLS only");
  // An empty object when there is none.
  const certificate: Partial<PeerCertificate> = socket.getPeerCertificate();
  const session = {
    authorized: socket.authorized,
    subjectAltName: certificate.subjectaltname,
    notAfterMs: Date.parse(certificate.valid_to ?? ""),
  };
  const peer = identifyPeer(session, ports.trustDomain, ports.clock.nowMs());
  if (peer.kind === "refused") throw new ApiRefusal("unauthorized", peer.because);
  return peer.hostName;
}
