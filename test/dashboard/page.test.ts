import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { after, test } from "node:test";
import { assets } from "../../src/dashboard/assets.ts";
import type { Topology, TopologyEdge, TopologyNode } from "../../src/telemetry/topology.ts";
import { FakeDocument, FakeNode } from "./fake_document.ts";
import { recorded, servePage } from "./page_server.ts";
import { topology } from "./recorded.ts";

interface Box {
  readonly service: string;
  readonly version: string;
  readonly x: number;
  readonly y: number;
}
interface Graph {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly Box[];
  readonly lines: readonly { readonly from: Box; readonly to: Box; readonly security: string; readonly path: string }[];
}
interface Split {
  readonly service: string;
  readonly parts: readonly { readonly version: string; readonly share: number }[];
}
type ProxyState = (proxy: object) => { readonly state: string; readonly words: string };

/** The page's modules are JavaScript: what a test needs of them is said here. */
const moduleUrl = (name: string): string => `file://${assets.get(`/dashboard/${name}.js`)?.file}`;
const layout: { layOut: (topology: Topology, shape: object) => Graph; wide: object; narrow: object } = await import(
  moduleUrl("graph_layout")
);
const figures: {
  splits: (topology: Topology) => readonly Split[];
  percent: (share: number) => string;
  rate: (perSecond: number) => string;
  proxyState: ProxyState;
  summary: (topology: Topology) => { readonly successRate: number | undefined; readonly protectedEdges: number };
} = await import(moduleUrl("figures"));

const node = (service: string, version = "v1", more: Partial<TopologyNode> = {}): TopologyNode => ({
  workload: `${service}-${version}.default`,
  service,
  namespace: "default",
  version,
  role: "sidecar",
  inboundPerSecond: 1,
  deniedPerSecond: 0,
  warming: 0,
  ...more,
});
const edge = (from: string, to: string, more: Partial<TopologyEdge> = {}): TopologyEdge => ({
  from: `${from}-v1.default`,
  toService: to,
  toNamespace: "default",
  toVersion: "v1",
  requests: 10,
  requestsPerSecond: 1,
  successRate: 1,
  security: "mtls",
  ...more,
});
const mesh = (nodes: readonly TopologyNode[], edges: readonly TopologyEdge[]): Topology => ({
  atMs: 0,
  windowMs: 10_000,
  nodes,
  edges,
});

test("calls run to the right: ingress, productpage, details and reviews, ratings; no two boxes overlap", () => {
  const { boxes, lines } = layout.layOut(topology, layout.wide);

  const columns = new Map<number, string[]>();
  for (const { x, service } of boxes) columns.set(x, [...(columns.get(x) ?? []), service]);
  const order = [...columns].sort(([a], [b]) => a - b).map(([, services]) => [...new Set(services)].sort());
  assert.deepEqual(order, [["ingress"], ["productpage"], ["details", "reviews"], ["ratings"]]);
  assert.equal(new Set(boxes.map(({ x, y }) => `${x} ${y}`)).size, boxes.length);
  assert.equal(lines.length, 7);
});

test("a version that nobody calls stands with the others of its service", () => {
  const nodes = [node("p"), node("r", "v1"), node("r", "v2")];
  const { boxes } = layout.layOut(mesh(nodes, [edge("p", "r")]), layout.wide);
  const [v1, v2] = boxes.filter(({ service }) => service === "r");
  assert.equal(v1?.x, v2?.x);
});

test("on a phone they run down, within its width", () => {
  const { boxes, width } = layout.layOut(topology, layout.narrow);
  const y = (service: string): number => boxes.find((box) => box.service === service)?.y ?? Number.NaN;
  assert.ok(y("ingress") < y("productpage") && y("productpage") < y("reviews") && y("reviews") < y("ratings"));
  assert.ok(width <= 420, String(width));
});

test("services that call each other in a circle, or themselves, are laid out as well", () => {
  const calls = [edge("a", "b"), edge("b", "c"), edge("c", "a"), edge("c", "c")];
  const { boxes, lines, width } = layout.layOut(mesh([node("a"), node("b"), node("c")], calls), layout.wide);
  assert.deepEqual([boxes.length, lines.length], [3, 4]);
  assert.ok(Number.isFinite(width) && lines.every(({ path }) => !path.includes("NaN")));
});

test("a deep, dense graph is laid out in a blink: each line is looked at once", () => {
  const services = Array.from({ length: 40 }, (_, i) => `s${String(i).padStart(2, "0")}`);
  const calls = services.flatMap((from, i) => services.slice(i + 1).map((to) => edge(from, to)));
  const { boxes } = layout.layOut(
    mesh(
      services.map((service) => node(service)),
      calls,
    ),
    layout.wide,
  );
  assert.equal(new Set(boxes.map(({ x }) => x)).size, services.length);
});

test("instances of one version are one box, and what is called without a report has one too", () => {
  const twice = [node("a"), node("a", "v1", { workload: "a-v1-2.default" })];
  const calls = [edge("a", "gone"), { ...edge("a", "gone", { security: "plaintext" }), from: "a-v1-2.default" }];
  const { boxes, lines } = layout.layOut(mesh(twice, calls), layout.wide);
  assert.deepEqual(boxes.map(({ service }) => service).sort(), ["a", "gone"]);
  assert.deepEqual(
    lines.map(({ security }) => security),
    ["mixed"],
  );
});

test("how a service is split over its versions adds up, with versions that get nothing", () => {
  const nodes = [node("p"), node("r", "v1"), node("r", "v2"), node("r", "v10")];
  const calls = [edge("p", "r", { requestsPerSecond: 9 }), edge("p", "r", { toVersion: "v2", requestsPerSecond: 1 })];
  const [split, ...others] = figures.splits(mesh(nodes, calls));
  assert.deepEqual(
    split?.parts.map(({ version, share }) => [version, share]),
    [
      ["v1", 0.9],
      ["v2", 0.1],
      ["v10", 0],
    ],
  );
  assert.equal(others.length, 0);
});

test("100 % is said only of all", () => {
  assert.deepEqual([1, 0.99999, 0.5, 0].map(figures.percent), ["100 %", "99.9 %", "50.0 %", "0 %"]);
  assert.deepEqual([0, 0.01, 4.96, 1_500].map(figures.rate), ["0/s", "<0.1/s", "5.0/s", "1.5k/s"]);
  const failing = edge("a", "b", { successRate: 0.5, security: "plaintext" });
  const now = figures.summary(mesh([node("a"), node("b")], [edge("a", "b"), failing]));
  assert.deepEqual([now.successRate, now.protectedEdges], [0.75, 1]);
});

test("a proxy is synced, waiting, refusing or gone", () => {
  const type = { version: "2", acked: "2" };
  const words = (connected: boolean, cds: object): string => figures.proxyState({ connected, types: { cds } }).words;
  assert.equal(words(true, type), "synced");
  assert.equal(words(true, { ...type, acked: "1" }), "waiting: CDS");
  assert.equal(words(true, { ...type, nacked: { version: "2", message: "bad" } }), "refused CDS");
  assert.equal(words(false, type), "disconnected");
});

test("script in a name is shown, never run", async () => {
  const hostile = "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>";
  const page = new FakeDocument();
  const names = ["document", "ResizeObserver"] as const;
  const before = names.map((name) => Object.getOwnPropertyDescriptor(globalThis, name));
  after(() => {
    names.forEach((name, i) => void Object.defineProperty(globalThis, name, before[i] ?? { value: undefined }));
  });
  const observer = class {
    observe(): void {}
  };
  Object.defineProperty(globalThis, "document", { value: page, configurable: true });
  Object.defineProperty(globalThis, "ResizeObserver", { value: observer, configurable: true });
  type Show = (...facts: readonly unknown[]) => void;
  const panels: Readonly<Record<"showTiles" | "showSplits" | "showCalls" | "showProxies" | "showObjects", Show>> =
    await import(moduleUrl("panels"));
  const view: { GraphView: new (host: FakeNode) => { show: (topology: Topology) => void } } = await import(
    moduleUrl("graph_view")
  );
  const facts = mesh(
    [node(hostile, hostile, { workload: hostile, namespace: hostile }), node(hostile, "v2", { namespace: hostile })],
    [edge("x", "y", { from: hostile, toService: hostile, toVersion: hostile, toNamespace: hostile })],
  );
  const proxies = [
    {
      proxy: hostile,
      meshd: hostile,
      connected: true,
      revision: hostile,
      types: { cds: { version: "1", acked: "1", nacked: { message: hostile } } },
    },
  ];
  const items = [{ kind: hostile, metadata: { name: hostile, namespace: hostile, generation: 1 } }];

  const host = new FakeNode("div");
  new view.GraphView(host).show(facts);
  panels.showTiles(facts, proxies);
  panels.showSplits(facts);
  panels.showCalls(facts);
  panels.showProxies(proxies);
  panels.showObjects({ items, revision: hostile });

  const roots = [host, ...["tiles", "splits", "calls", "proxies", "objects"].map((id) => page.getElementById(id))];
  const elements = roots.flatMap((root) => [...root.elements()]);
  assert.ok(elements.length > 50);
  for (const { name, attributes } of elements) {
    assert.match(name, /^[a-z0-9]+$/);
    assert.ok(!["script", "img", "iframe", "a"].includes(name), name);
    for (const attribute of attributes.keys()) assert.doesNotMatch(attribute, /^on|^href|^src|^style/);
  }
  assert.ok(roots.slice(2).every((root) => root.textContent.includes("<img src=x")));
});

test("the page makes elements in one way only, and asks nobody but its own node", () => {
  for (const { file } of assets.values()) {
    const source = readFileSync(file, "utf8");
    const risky = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|DOMParser/;
    assert.doesNotMatch(source, risky, file);
    const elsewhere = [...source.matchAll(/\b(?:https?:)?\/\/[\w.-]+\.[a-z]{2,}/g)].map(([url]) => url);
    assert.deepEqual(
      elsewhere.filter((url) => url !== "http://www.w3.org"),
      [],
      file,
    );
  }
  const page = readFileSync(assets.get("/")?.file ?? "", "utf8");
  assert.match(page, /default-src 'none'; script-src 'self'; style-src 'self'/);
  assert.doesNotMatch(page, /\sstyle=|\son\w+=|<script>/);
});

test("every file of the page is served, and everything the page names is there", async () => {
  const files = readdirSync(dirname(assets.get("/")?.file ?? ""));
  assert.equal(files.length, assets.size);
  const { url, server } = await servePage(recorded);
  after(() => void server.closeAllConnections());
  try {
    const wanted = new Set(["/"]);
    for (const path of wanted) {
      const response = await fetch(new URL(path, url));
      assert.equal(response.status, 200, path);
      const body = await response.text();
      for (const [, name = ""] of body.matchAll(/(?:href|src)="(\/[^"]*)"/g)) wanted.add(name);
      for (const [, name = ""] of body.matchAll(/from "\.\/([\w.]+)"/g)) wanted.add(`/dashboard/${name}`);
    }
    assert.equal(wanted.size, assets.size);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
