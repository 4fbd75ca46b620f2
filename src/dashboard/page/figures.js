// Figures from the topology, and how they are written. Pure.

export function rate(perSecond) {
  if (perSecond <= 0) return "0/s";
  if (perSecond < 0.05) return "<0.1/s";
  return `${perSecond < 10 ? perSecond.toFixed(1) : compact(perSecond)}/s`;
}

function compact(number) {
  if (number < 1_000) return String(Math.round(number));
  return number < 1_000_000 ? `${(number / 1_000).toFixed(1)}k` : `${(number / 1_000_000).toFixed(1)}M`;
}

/** A share as a percentage that says 100 only when it is. */
export function percent(share) {
  if (share >= 1) return "100 %";
  if (share <= 0) return "0 %";
  const shown = share * 100;
  return shown > 99.9 ? "99.9 %" : `${shown.toFixed(1)} %`;
}

export function health(successRate) {
  if (successRate >= 0.99) return "good";
  return successRate >= 0.9 ? "fair" : "poor";
}

/** What the page shows first. `undefined`: nothing to say yet. */
export function summary({ nodes, edges }) {
  const busy = edges.filter((edge) => edge.requestsPerSecond > 0);
  const perSecond = sum(busy.map((edge) => edge.requestsPerSecond));
  const succeeded = sum(busy.map((edge) => edge.requestsPerSecond * edge.successRate));
  const judged = edges.filter((edge) => edge.security !== "unknown");
  return {
    entering: sum(nodes.filter((node) => node.role === "gateway").map((node) => node.inboundPerSecond)),
    perSecond,
    successRate: perSecond > 0 ? succeeded / perSecond : undefined,
    protectedEdges: judged.filter((edge) => edge.security === "mtls").length,
    judgedEdges: judged.length,
    deniedPerSecond: sum(nodes.map((node) => node.deniedPerSecond)),
  };
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Services that run in several versions, and the share of each of the calls of the window. */
export function splits({ nodes, edges }) {
  const services = new Map();
  const versionsOf = (namespace, service) => {
    const key = `${namespace}/${service}`;
    if (!services.has(key)) services.set(key, { namespace, service, versions: new Map() });
    return services.get(key).versions;
  };
  for (const node of nodes) {
    if (node.role === "sidecar") versionsOf(node.namespace, node.service).set(node.version, 0);
  }
  for (const edge of edges) {
    const versions = versionsOf(edge.toNamespace, edge.toService);
    versions.set(edge.toVersion, (versions.get(edge.toVersion) ?? 0) + edge.requestsPerSecond);
  }
  return [...services.values()]
    .filter(({ versions }) => versions.size > 1)
    .map(({ namespace, service, versions }) => {
      const total = sum([...versions.values()]);
      const parts = [...versions].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
      return {
        namespace,
        service,
        perSecond: total,
        parts: parts.map(([version, perSecond]) => ({ version, perSecond, share: total > 0 ? perSecond / total : 0 })),
      };
    })
    .sort((a, b) => a.service.localeCompare(b.service));
}

/** What a proxy's acknowledgements come to. */
export function proxyState({ connected, types }) {
  if (!connected) return { state: "poor", words: "disconnected" };
  const all = Object.entries(types);
  const refused = all.filter(([, type]) => type.nacked);
  if (refused.length > 0) {
    const [name, { nacked }] = refused[0];
    return { state: "poor", words: `refused ${name.toUpperCase()}`, detail: nacked.message };
  }
  const behind = all.filter(([, type]) => type.acked !== type.version).map(([name]) => name.toUpperCase());
  if (behind.length > 0) return { state: "fair", words: `waiting: ${behind.join(", ")}` };
  return { state: "good", words: "synced" };
}

export const securityWords = {
  mtls: "mTLS",
  plaintext: "plaintext",
  mixed: "partly mTLS",
  unknown: "not yet known",
};
