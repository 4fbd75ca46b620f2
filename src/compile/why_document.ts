/**
 * An explanation as plain data: what the API answers and `meshctl why -o json` prints. Parts of objects are told in the words
 * of whoever asks, who may know the file that they stand in. Pure.
 */
import type { Outcome } from "./interpret.ts";
import type { Part, RouteMaker } from "./provenance.ts";
import type { ExplainedCluster, Explanation } from "./why.ts";

export interface WhyContext {
  /** NAME.NS */
  readonly from: string;
  part(part: Part): object;
}

export function whyDocument({ decision, madeBy, clusters }: Explanation, { from, part }: WhyContext): object {
  if (!decision) return { from, outcome: { kind: "not-listened-for" } };
  if (decision.kind === "no-host") return { from, outcome: { kind: "respond", status: 404 } };
  const { virtualHost } = decision;
  if (decision.kind === "no-route") return { from, virtualHost, outcome: { kind: "respond", status: 404 } };
  const { route, faults, outcome, crossOrigin } = decision;
  const treatment = Object.entries(madeBy?.treatment ?? {}).map(([what, said]) => [what, part(said)] as const);
  return {
    from,
    virtualHost,
    route: {
      ...(route.name === undefined ? {} : { name: route.name }),
      ...(madeBy ? makerDocument(madeBy.maker, part) : {}),
      treatment: Object.fromEntries(treatment),
    },
    faults,
    outcome: outcomeDocument(outcome, clusters, part),
    crossOrigin,
  };
}

function makerDocument(maker: RouteMaker, part: WhyContext["part"]): object {
  if (maker.kind === "mesh") return { madeBy: { kind: "mesh" } };
  if (maker.kind === "destination") return { madeBy: { kind: "destination", host: maker.host } };
  return {
    madeBy: { kind: "object", ...part(maker.part) },
    ...(maker.delegatedBy ? { delegatedBy: part(maker.delegatedBy) } : {}),
  };
}

function outcomeDocument(outcome: Outcome, clusters: Explanation["clusters"], part: WhyContext["part"]): object {
  if (outcome.kind !== "forward") return outcome;
  const { kind, destinations, mirrors, timeoutMs, retries } = outcome;
  return {
    kind,
    destinations: destinations.map(({ cluster, share, request, response, hashed }) => ({
      cluster,
      share,
      ...clusterDocument(clusters.get(cluster), part),
      request,
      response,
      hashed,
    })),
    mirrors,
    timeoutMs,
    ...(retries ? { retries } : {}),
  };
}

function clusterDocument(cluster: ExplainedCluster | undefined, part: WhyContext["part"]): object {
  const { exists = false, endpoints, madeBy } = cluster ?? {};
  return {
    exists,
    ...(endpoints ? { endpoints } : {}),
    declaredBy: (madeBy?.declaredBy ?? []).map(part),
    settings: (madeBy?.settings ?? []).map(({ part: said, fields }) => ({ ...part(said), fields })),
  };
}
