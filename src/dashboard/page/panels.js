// The tiles and tables beside the graph. Each is made anew from its data; they are small.

import { byId, element, setText } from "./elements.js";
import { health, percent, proxyState, rate, securityWords, splits, summary } from "./figures.js";

export function showTiles(topology, proxies) {
  const now = summary(topology);
  const synced = proxies?.filter((proxy) => proxyState(proxy).state === "good").length;
  const { judgedEdges, protectedEdges, successRate } = now;
  const allProtected = protectedEdges === judgedEdges;
  byId("tiles").replaceChildren(
    tile("Entering", rate(now.entering), "requests at the gateways"),
    tile(
      "Within",
      rate(now.perSecond),
      now.deniedPerSecond > 0 ? `${rate(now.deniedPerSecond)} denied by policy` : "calls between services",
    ),
    tile(
      "Answered",
      successRate === undefined ? "–" : percent(successRate),
      "of all calls",
      successRate === undefined ? "" : health(successRate),
    ),
    tile(
      "mTLS",
      judgedEdges === 0 ? "–" : `${protectedEdges} of ${judgedEdges}`,
      "edges",
      judgedEdges === 0 ? "" : allProtected ? "good" : "fair",
    ),
    tile(
      "In sync",
      proxies === undefined ? "–" : `${synced} of ${proxies.length}`,
      "proxies",
      proxies === undefined ? "" : synced === proxies.length ? "good" : "fair",
    ),
  );
}

function tile(name, value, hint, state = "") {
  return element(
    "div",
    { class: `tile ${state}` },
    element("span", { class: "tile-name" }, name),
    element("strong", {}, value),
    element("span", { class: "hint" }, hint),
  );
}

export function showSplits(topology) {
  const all = splits(topology);
  byId("splits-card").hidden = all.length === 0;
  byId("splits").replaceChildren(...all.map(splitOf));
}

function splitOf({ service, namespace, perSecond, parts }) {
  const bar = element("div", {
    class: "bar",
    role: "img",
    "aria-label": parts.map((part) => `${part.version} ${percent(part.share)}`).join(", "),
  });
  parts.forEach(({ share }, index) => {
    const piece = element("span", { class: `piece shade-${index % 6}` });
    piece.style.width = `${share * 100}%`;
    bar.append(piece);
  });
  const rows = parts.map(({ version, share, perSecond: each }, index) =>
    element(
      "li",
      {},
      element("i", { class: `dot shade-${index % 6}` }),
      element("b", {}, version === "" ? "no version" : version),
      element("span", { class: "share" }, perSecond > 0 ? `${Math.round(share * 100)} %` : "–"),
      element("span", { class: "hint" }, rate(each)),
    ),
  );
  const head = element(
    "h3",
    {},
    service,
    element("span", { class: "hint" }, namespace === "default" ? "" : ` ${namespace}`),
  );
  return element("div", { class: "split" }, head, bar, element("ul", {}, ...rows));
}

export function showCalls(topology) {
  setText(byId("window"), `last ${Math.round(topology.windowMs / 1_000)} s`);
  const rows = [...topology.edges]
    .sort(
      (a, b) =>
        a.from.localeCompare(b.from) ||
        a.toService.localeCompare(b.toService) ||
        a.toVersion.localeCompare(b.toVersion),
    )
    .map((edge) => [
      element("td", {}, nameWithoutDefault(edge.from)),
      element("td", {}, `${edge.toService} `, element("span", { class: "hint" }, edge.toVersion)),
      element("td", { class: "number" }, rate(edge.requestsPerSecond)),
      element(
        "td",
        { class: "number" },
        chip(
          edge.requestsPerSecond > 0 ? health(edge.successRate) : "idle",
          edge.requestsPerSecond > 0 ? percent(edge.successRate) : "–",
        ),
      ),
      element(
        "td",
        {},
        chip(
          edge.security === "mtls" ? "good" : edge.security === "unknown" ? "idle" : "fair",
          securityWords[edge.security],
        ),
      ),
    ]);
  showTable("calls", ["from", "to", "rate", "answered", "protection"], rows, "No calls yet.");
}

export function showProxies(proxies) {
  const bad = proxies.filter((proxy) => proxyState(proxy).state !== "good").length;
  setText(byId("proxies-hint"), bad > 0 ? `${bad} of ${proxies.length} not in sync` : `${proxies.length} in sync`);
  const rows = [...proxies]
    .sort((a, b) => a.proxy.localeCompare(b.proxy))
    .map((proxy) => {
      const { state, words, detail } = proxyState(proxy);
      return [
        element("td", {}, nameWithoutDefault(proxy.proxy)),
        element("td", { title: detail }, chip(state, words)),
        element("td", { class: "hint" }, proxy.meshd),
        element("td", { class: "number hint" }, sequenceOf(proxy.revision)),
      ];
    });
  showTable("proxies", ["proxy", "state", "node", "revision"], rows, "No proxy is connected.");
}

const seen = new Map();

/** What was applied since the page was opened lights up once. */
export function showObjects({ items, revision }) {
  setText(byId("objects-hint"), `revision ${sequenceOf(revision)}`);
  const first = seen.size === 0;
  const rows = [...items]
    .sort((a, b) => a.kind.localeCompare(b.kind) || a.metadata.name.localeCompare(b.metadata.name))
    .map(({ kind, metadata }) => {
      const { name, namespace, generation } = metadata;
      const key = JSON.stringify([kind, namespace, name]);
      const changed = !first && seen.get(key) !== generation;
      seen.set(key, generation);
      return [
        element("td", {}, kind),
        element("td", { class: changed ? "changed" : undefined }, name),
        element("td", { class: "hint" }, namespace),
        element("td", { class: "number" }, generation ?? ""),
      ];
    });
  for (const key of seen.keys()) {
    const still = items.some(({ kind, metadata }) => JSON.stringify([kind, metadata.namespace, metadata.name]) === key);
    if (!still) seen.delete(key);
  }
  showTable("objects", ["kind", "name", "namespace", "generation"], rows, "Nothing has been applied.");
}

const shown = new Map();

function showTable(id, columns, rows, empty) {
  const filled = rows.length > 0;
  const body = rows.map((cells) => element("tr", {}, ...cells));
  const table = element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...columns.map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, ...body),
  );
  // The same table again is left alone: what lights up goes on, what is selected stays so.
  const signature = filled
    ? body.map((row) => [...row.children].map((cell) => cell.textContent).join("\u0000")).join("\u0001")
    : empty;
  if (shown.get(id) === signature) return;
  shown.set(id, signature);
  byId(id).replaceChildren(filled ? table : element("p", { class: "empty" }, empty));
}

function chip(state, words) {
  return element("span", { class: `state ${state}` }, words);
}

function nameWithoutDefault(name) {
  return name.endsWith(".default") ? name.slice(0, -".default".length) : name;
}

/** A revision is INCARNATION-SEQUENCE; a reader compares the second. */
function sequenceOf(revision) {
  return revision.slice(revision.lastIndexOf("-") + 1);
}
