/** A node's API over real HTTP, with a real store and copy and everything else faked. */

import { once } from "node:events";
import { request as httpRequest } from "node:http";
import type { TestContext } from "node:test";
import type { ApiPorts, ClaimOutcome, Distribution, Finding, StreamPosition } from "../../../src/api/ports.ts";
import { type ApiOptions, startApi } from "../../../src/api/server.ts";
import { defaultTrustDomain } from "../../../src/model/identity.ts";
import type { StoredResource } from "../../../src/model/object.ts";
import type { Problem } from "../../../src/model/problem.ts";
import { silentLogger } from "../../../src/platform/log.ts";
import { openCommitPorts } from "./commit_ports.ts";
import { testSealing } from "./sealing.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** Of JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of every shape; a wrong look fails it
  readonly body: any;
}

export interface Sent {
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the fakes say; a test changes it. */
export class Surroundings {
  admission: (set: readonly StoredResource[]) => readonly Problem[] = () => [];
  claim: ClaimOutcome = { kind: "claimed" };
  held = true;
  claims = 0;
  distribution: (position: StreamPosition, signal: AbortSignal) => Promise<Distribution> = async () => ({
    kind: "distributed",
    proxies: 0,
  });
  ready: readonly string[] = [];
  findings: readonly Finding[] = [];
  silent: readonly string[] = [];
  holds: ReturnType<ApiPorts["brake"]["holds"]> = [];
}

export async function startTestApi(t: TestContext, options: Partial<ApiOptions> = {}) {
  const opened = await openCommitPorts(t);
  const around = new Surroundings();
  const ports: ApiPorts = {
    ...opened.ports,
    nodeName: "meshd-0",
    trustDomain: defaultTrustDomain,
    sealing: testSealing(),
    admission: { check: async ({ set }) => around.admission(set) },
    claims: {
      holds: () => around.held,
      async claimPorts() {
        around.claims++;
        return around.claim;
      },
    },
    proxies: {
      status: async () => ({
        silent: around.silent,
        proxies: [
          {
            proxy: "reviews-v1.default",
            meshd: "meshd-0",
            connected: true,
            types: {
              cds: { version: "2", acked: "2" },
              lds: { version: "3", acked: "2", nacked: { version: "3", message: "no" } },
            },
            revision: "x-1",
          },
        ],
      }),
      waitDistributed: (position, signal) => around.distribution(position, signal),
      config: (proxy, section) =>
        proxy === "reviews-v1.default" ? { [section]: [{ name: "outbound|80||ratings" }] } : undefined,
    },
    explanations: {
      why: (workload, { method, authority, path, headers }) =>
        workload === "reviews-v1.default"
          ? { from: workload, outcome: { kind: "respond", status: 404 }, asked: { method, authority, path, headers } }
          : undefined,
    },
    tokens: {
      create: async ({ lifetimeMs }) => ({ token: "secret", id: "t1", expiresAtMs: Date.UTC(2026, 0) + lifetimeMs }),
    },
    members: { list: () => [{ name: "meshd-0", state: "alive", self: true, since: 0 }] },
    topology: { topology: () => ({ atMs: 0, windowMs: 10_000, nodes: [], edges: [] }) },
    metrics: { expose: async () => ({ contentType: "text/plain; version=0.0.4", text: "up 1\n" }) },
    health: {
      readiness: () => ({ ready: around.ready.length === 0, reasons: around.ready }),
      findings: async () => around.findings,
    },
    brake: { holds: () => around.holds },
    backups: {
      take: async () => [new Uint8Array([1, 2, 3])],
      restore: async () => {
        throw new Error("no test restores here");
      },
    },
    log: silentLogger,
  };
  const access = { hosts: [], origins: [], token: undefined };
  const api = await startApi(ports, { listen: { host: "127.0.0.1", port: 0 }, access, ...options });
  t.after(() => api.close());
  const call = (method: string, path: string, sent: Sent = {}): Promise<Answer> =>
    send(new URL(path, api.url), method, sent);
  const apply = (body: string, query = ""): Promise<Answer> => call("POST", `/v1/apply${query}`, { body });
  return { ...opened, ports, around, call, apply, url: api.url, api };
}

async function send(url: URL, method: string, { body, headers }: Sent): Promise<Answer> {
  const request = httpRequest(url, { method, agent: false, ...(headers && { headers }) });
  request.on("error", () => {});
  request.end(body);
  const [response] = await once(request, "response");
  let text = "";
  for await (const chunk of response) text += String(chunk);
  const json = String(response.headers["content-type"] ?? "").includes("json");
  return { status: response.statusCode, headers: response.headers, text, body: json ? JSON.parse(text) : undefined };
}

export function virtualService(
  name: string,
  weights: readonly [number, number] = [90, 10],
  namespace?: string,
): string {
  const [v1, v2] = weights;
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: ${name}${namespace === undefined ? "" : `\n  namespace: ${namespace}`}
spec:
  hosts: [${name}]
  http:
    - route:
        - destination: { host: ${name}, subset: v1 }
          weight: ${v1}
        - destination: { host: ${name}, subset: v2 }
          weight: ${v2}
`;
}
