/**
 * Calls to a node: HTTPS with JSON. A call goes to the address that answered last, then to the others in turn; it
 * either answers, or throws a WeftError whose `retry` says whether trying again can help. The node is believed only if
 * its chain ends in a root of the bundle and its URI SAN is the meshd identity. A connection presents the agent's own
 * certificate once there is one.
 */
import { Agent, request as httpsRequest } from "node:https";
import { fingerprint } from "../certificates/bundle.ts";
import { toPem } from "../certificates/pem.ts";
import type { Clock } from "../platform/clock.ts";
import { type Decode, parseJson } from "../platform/decode.ts";
import { type Retry, WeftError } from "../platform/error.ts";
import { limits } from "../platform/limits.ts";
import { problemDetails } from "./wire.ts";

export interface Call<T> {
  readonly method: "POST" | "PUT";
  readonly path: string;
  readonly body: unknown;
  readonly reply: Decode<T>;
}

export interface ClientIdentity {
  readonly keyPem: string;
  readonly chainPem: string;
}

/** Whom to believe and where to ask. */
export interface NodeTrust {
  readonly addresses: readonly string[];
  /** DER. */
  readonly roots: readonly Uint8Array[];
  readonly meshdId: string;
}

/** A node's refusal, with the stable code of its problem details. */
export class Refusal extends WeftError {
  readonly status: number;
  readonly problemCode: string | undefined;

  constructor(attempted: string, reply: { status: number; code: string | undefined; because: string; retry: Retry }) {
    super({ code: "denied", retry: reply.retry, attempted, because: reply.because });
    this.name = "Refusal";
    this.status = reply.status;
    this.problemCode = reply.code;
  }
}

export class MeshdClient {
  readonly #clock: Clock;
  readonly #trust: () => NodeTrust;
  #identity: ClientIdentity | undefined;
  #connections: { readonly agent: Agent; readonly key: string } | undefined;
  #lastGood = "";
  #refused: () => void = () => {};

  constructor(clock: Clock, trust: () => NodeTrust) {
    this.#clock = clock;
    this.#trust = trust;
  }

  /** Called when a node does not take the certificate that the agent presents; the call itself may be repeated later. */
  onIdentityRefused(listener: () => void): void {
    this.#refused = listener;
  }

  /** From the next call on; calls under way keep the certificate they began with. */
  present(identity: ClientIdentity | undefined): void {
    this.#identity = identity;
    this.#retire();
  }

  async call<T>(call: Call<T>): Promise<T> {
    const trust = this.#trust();
    const attempted = `${call.method} ${call.path}`;
    const addresses = [...trust.addresses].sort((a, b) => Number(b === this.#lastGood) - Number(a === this.#lastGood));
    let last: WeftError | undefined;
    for (const address of addresses) {
      try {
        const answer = await this.#send(address, call, this.#agentFor(trust));
        this.#lastGood = address;
        return parseJson(answer, call.reply, `the reply to ${attempted}`);
      } catch (cause) {
        last = WeftError.from(cause, `${attempted} at ${address}`, { code: "unavailable", retry: "later" });
        if (last instanceof Refusal && last.status === 401) this.#refused();
        if (last.retry === "never") throw last;
      }
    }
    throw (
      last ?? new WeftError({ code: "unavailable", retry: "later", attempted, because: "no node's address is known" })
    );
  }

  close(): void {
    this.#connections?.agent.destroy();
    this.#connections = undefined;
  }

  #agentFor(trust: NodeTrust): Agent {
    const key = [trust.meshdId, ...trust.roots.map(fingerprint)].join();
    if (this.#connections?.key !== key) {
      this.#retire();
      this.#connections = { agent: connectionsTo(trust, this.#identity), key };
    }
    return this.#connections.agent;
  }

  /** Calls under way end on their connections; what is idle, or becomes so, is closed. */
  #retire(): void {
    const agent = this.#connections?.agent;
    this.#connections = undefined;
    if (!agent) return;
    agent.maxFreeSockets = 0;
    for (const socket of Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? [])) socket.destroy();
  }

  #send<T>(address: string, call: Call<T>, agent: Agent): Promise<string> {
    const url = new URL(call.path, `https://${address}`);
    const body = JSON.stringify(call.body);
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    return new Promise((resolve, reject) => {
      const sent = httpsRequest(url, { method: call.method, headers, agent }, (response) => {
        const parts: Buffer[] = [];
        let size = 0;
        response.on("data", (part: Buffer) => {
          size += part.length;
          if (size > limits.agentReplyBytes) response.destroy(new Error("the reply is too large"));
          else parts.push(part);
        });
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(parts).toString("utf8");
          const status = response.statusCode ?? 0;
          if (status >= 200 && status < 300) resolve(text);
          else reject(refusalOf(`${call.method} ${call.path} at ${address}`, status, text));
        });
      });
      const timer = this.#clock.after(limits.agentRequestMs, () => sent.destroy(new Error("no answer in time")));
      sent.on("error", reject);
      sent.on("close", () => timer.cancel());
      sent.end(body);
    });
  }
}

function refusalOf(attempted: string, status: number, text: string): Refusal {
  const problem = problemIn(text);
  const because = problem.detail ?? problem.title ?? `the node answered ${status}`;
  // 401: with another certificate; 408, 425, 429: by their own definition. Other 4xx: the same request will never do.
  const later = status >= 500 || [401, 408, 425, 429].includes(status);
  return new Refusal(attempted, { status, code: problem.code, because, retry: later ? "later" : "never" });
}

function problemIn(text: string): ReturnType<typeof problemDetails> {
  try {
    return parseJson(text, problemDetails, "a problem");
  } catch {
    return {};
  }
}

function connectionsTo(trust: NodeTrust, identity: ClientIdentity | undefined): Agent {
  return new Agent({
    keepAlive: true,
    maxSockets: 4,
    // A resumed session would skip the check below.
    maxCachedSessions: 0,
    minVersion: "TLSv1.3",
    ca: trust.roots.map((root) => toPem("CERTIFICATE", root)),
    ...(identity ? { key: identity.keyPem, cert: identity.chainPem } : {}),
    checkServerIdentity: (_host, certificate) => wrongIdentity(certificate, trust.meshdId),
  });
}

/** An error unless the certificate's only URI SAN is `expected`. */
export function wrongIdentity(
  certificate: { readonly subjectaltname?: string | undefined },
  expected: string,
): Error | undefined {
  const names = (certificate.subjectaltname ?? "").split(", ").filter((name) => name.startsWith("URI:"));
  if (names.length === 1 && names[0] === `URI:${expected}`) return undefined;
  return new WeftError({
    code: "denied",
    retry: "later",
    attempted: "verify a node",
    because: `its certificate says ${names.join(", ") || "no identity"}, not ${expected}`,
  });
}
