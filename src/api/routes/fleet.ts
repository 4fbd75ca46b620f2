/** What runs: proxies and what they are told, members of the control plane, the topology, join tokens, findings. */
import type { FastifyInstance } from "fastify";
import { httpRequestFrom } from "../../model/http_request.ts";
import { type Namespace, type WorkloadName, workloadName } from "../../model/names.ts";
import { integer, list, object, text } from "../../platform/decode.ts";
import { limits } from "../../platform/limits.ts";
import { jsonBody } from "../body.ts";
import { withDeadline } from "../deadline.ts";
import type { ApiPorts, ConfigSection } from "../ports.ts";
import { ApiRefusal } from "../problem_details.ts";
import { namespaceOf, queryOf } from "../query.ts";

const sections: readonly ConfigSection[] = ["cluster", "listener", "route", "endpoint", "secret", "all"];
const tokenBody = object({}, { ttlMs: integer(1_000, limits.joinTokenLifetimeMs), hostName: text(253) });
const whyBody = object({ method: text(64), url: text(8_192) }, { headers: list(text(8_192), 100) });
const defaultTokenMs = 60 * 60 * 1_000;

export function routeFleet(app: FastifyInstance, ports: ApiPorts): void {
  app.get("/v1/proxies", async (_request, reply) => {
    const { proxies, silent } = await ports.proxies.status();
    if (silent.length > 0) reply.header("weft-silent-nodes", silent.join(", "));
    return reply.send(proxies);
  });

  app.get<{ Params: { proxy: string } }>("/v1/proxies/:proxy/config", (request) => {
    const query = queryOf(request, ["section"]);
    const word = query.text("section") ?? "all";
    const section = sections.find((known) => known === word);
    if (!section) throw new ApiRefusal("bad-request", `query parameter section: use one of ${sections.join(", ")}`);
    const proxy = workloadNameOf(request.params.proxy);
    const config = ports.proxies.config(proxy, section);
    if (!config) throw new ApiRefusal("not-found", `no proxy ${proxy} is known to node ${ports.nodeName}`);
    return { proxy, meshd: ports.nodeName, config };
  });

  app.post<{ Params: { proxy: string } }>("/v1/proxies/:proxy/why", (request) => {
    const { headers = [], ...asked } = jsonBody(request, whyBody);
    const proxy = workloadNameOf(request.params.proxy);
    const said = httpRequestFrom({ ...asked, headers });
    if (typeof said === "string") throw new ApiRefusal("bad-request", said);
    const why = ports.explanations.why(proxy, said);
    if (!why) throw new ApiRefusal("not-found", `no workload ${proxy} is known to node ${ports.nodeName}`);
    return why;
  });

  app.get("/v1/members", () => ports.members.list());
  app.get("/v1/topology", () => ports.topology.topology());
  app.get("/v1/check", () => ports.health.findings());

  app.post("/v1/tokens", async (request, reply) => {
    const body = jsonBody(request, tokenBody);
    const lifetimeMs = body.ttlMs ?? defaultTokenMs;
    const options = { lifetimeMs, ...(body.hostName === undefined ? {} : { hostName: body.hostName }) };
    const made = await withDeadline(ports.clock, limits.storeWriteMs, (signal) => ports.tokens.create(options, signal));
    return reply.code(201).send(made);
  });
}

/** NAME.NS, or NAME in the default namespace. */
function workloadNameOf(word: string): WorkloadName {
  const dot = word.lastIndexOf(".");
  const namespace = dot < 0 ? ("default" as Namespace) : namespaceOf(word.slice(dot + 1), "proxy");
  return workloadName(dot < 0 ? word : word.slice(0, dot), namespace);
}
