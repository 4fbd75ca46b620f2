// Where the boxes and lines of the graph go. Pure: topology and shape in, coordinates out. A box is one version of one
// service; its layer is the longest way from where calls enter, so calls run forward: to the right, or down on a phone.

export const wide = { down: false, boxWidth: 152, boxHeight: 52, layerGap: 150, boxGap: 22, margin: 12 };
export const narrow = { down: true, boxWidth: 92, boxHeight: 50, layerGap: 52, boxGap: 8, margin: 6 };

export function layOut(topology, shape) {
  const boxes = boxesOf(topology);
  const lines = linesOf(topology, boxes);
  const layers = layersOf(boxes, lines);
  orderLayers(layers, lines);
  place(layers, shape);
  const size = { width: extent(boxes, "x", shape.boxWidth, shape), height: extent(boxes, "y", shape.boxHeight, shape) };
  return {
    ...size,
    boxes: [...boxes.values()],
    lines: lines.map((line) => ({ ...line, ...course(line, lines, shape) })),
  };
}

const keyOf = (namespace, service, version) => JSON.stringify([namespace, service, version]);

function boxesOf({ nodes, edges }) {
  const boxes = new Map();
  const box = (namespace, service, version, role) => {
    const key = keyOf(namespace, service, version);
    const empty = { key, namespace, service, version, role, inboundPerSecond: 0, deniedPerSecond: 0, warming: 0 };
    if (!boxes.has(key)) boxes.set(key, { ...empty, instances: 0 });
    return boxes.get(key);
  };
  for (const node of nodes) {
    const found = box(node.namespace, node.service, node.version, node.role);
    found.instances++;
    for (const figure of ["inboundPerSecond", "deniedPerSecond", "warming"]) found[figure] += node[figure];
  }
  // One that is called but does not report: a workload without a sidecar of ours, or one that has just gone.
  for (const edge of edges) box(edge.toNamespace, edge.toService, edge.toVersion, "sidecar");
  return boxes;
}

/** Edges of all instances of the calling box, joined. */
function linesOf({ nodes, edges }, boxes) {
  const callers = new Map(nodes.map((node) => [node.workload, keyOf(node.namespace, node.service, node.version)]));
  const lines = new Map();
  for (const edge of edges) {
    const from = boxes.get(callers.get(edge.from));
    const to = boxes.get(keyOf(edge.toNamespace, edge.toService, edge.toVersion));
    if (!from || !to) continue;
    const key = JSON.stringify([from.key, to.key]);
    const line = lines.get(key) ?? {
      key,
      from,
      to,
      perSecond: 0,
      succeeded: 0,
      successRate: 1,
      security: edge.security,
    };
    line.perSecond += edge.requestsPerSecond;
    line.succeeded += edge.requestsPerSecond * edge.successRate;
    line.successRate = line.perSecond > 0 ? line.succeeded / line.perSecond : edge.successRate;
    line.security = joined(line.security, edge.security);
    lines.set(key, line);
  }
  return [...lines.values()];
}

function joined(a, b) {
  if (a === b || b === "unknown") return a;
  return a === "unknown" ? b : "mixed";
}

/** Longest way from a start. Each box and line is looked at once, however many ways there are. */
function layersOf(boxes, lines) {
  const forward = forwardOnly(boxes, lines);
  const depths = new Map();
  const depth = (box) => {
    if (!depths.has(box)) depths.set(box, Math.max(0, ...forward.into(box).map((earlier) => 1 + depth(earlier))));
    return depths.get(box);
  };
  const alone = new Set(boxes.values());
  for (const { from, to } of lines) for (const box of [from, to]) alone.delete(box);
  const layers = [];
  for (const box of boxes.values()) {
    // A version that nobody calls now stands with its service's others.
    const others = alone.has(box) ? [...boxes.values()].filter((other) => isSameService(box, other)) : [box];
    const at = Math.max(...others.map(depth));
    layers[at] ??= [];
    layers[at].push(box);
  }
  return layers;
}

function isSameService(a, b) {
  return a.service === b.service && a.namespace === b.namespace;
}

/** The lines without those that close a circle of calls, seen from where calls enter. */
function forwardOnly(boxes, lines) {
  const onward = new Map([...boxes.values()].map((box) => [box, []]));
  const into = new Map([...boxes.values()].map((box) => [box, []]));
  for (const { from, to } of lines) onward.get(from).push(to);
  const called = new Set(lines.filter(({ from, to }) => from !== to).map(({ to }) => to));
  const state = new Map();
  const visit = (box) => {
    state.set(box, "open");
    for (const next of onward.get(box)) {
      if (state.get(next) === "open") continue;
      into.get(next).push(box);
      if (!state.has(next)) visit(next);
    }
    state.set(box, "done");
  };
  const starts = [...boxes.values()].sort((a, b) => Number(called.has(a)) - Number(called.has(b)));
  for (const box of starts) if (!state.has(box)) visit(box);
  return { into: (box) => into.get(box) };
}

/** By name and version, then by where their callers stand, so that lines cross little and nothing jumps about. */
function orderLayers(layers, lines) {
  const position = new Map();
  for (const layer of layers) {
    layer.sort(
      (a, b) => a.service.localeCompare(b.service) || a.version.localeCompare(b.version, "en", { numeric: true }),
    );
    const pull = new Map(
      layer.map((box) => [
        box.key,
        meanOf(
          lines.filter((line) => line.to === box),
          position,
        ),
      ]),
    );
    layer.sort((a, b) => pull.get(a.key) - pull.get(b.key));
    layer.forEach((box, index) => void position.set(box.key, index - (layer.length - 1) / 2));
  }
}

function meanOf(lines, position) {
  const known = lines.map(({ from }) => position.get(from.key)).filter((at) => at !== undefined);
  return known.length > 0 ? known.reduce((sum, at) => sum + at, 0) / known.length : 0;
}

function place(layers, shape) {
  const { down, boxWidth, boxHeight, layerGap, boxGap, margin } = shape;
  const [along, across] = down ? [boxHeight, boxWidth] : [boxWidth, boxHeight];
  const most = Math.max(0, ...layers.map((layer) => layer.length));
  layers.forEach((layer, depth) => {
    layer.forEach((box, index) => {
      const a = margin + depth * (along + layerGap);
      const b = margin + (index + (most - layer.length) / 2) * (across + boxGap);
      [box.x, box.y] = down ? [b, a] : [a, b];
    });
  });
}

function extent(boxes, axis, size, { margin }) {
  return Math.max(0, ...[...boxes.values()].map((box) => box[axis] + size)) + margin;
}

/** The line's curve, and where its label stands: towards the end at which lines are apart. */
function course({ from, to }, lines, shape) {
  const { down, boxWidth, boxHeight } = shape;
  const start = down ? [from.x + boxWidth / 2, from.y + boxHeight] : [from.x + boxWidth, from.y + boxHeight / 2];
  const end = down ? [to.x + boxWidth / 2, to.y] : [to.x, to.y + boxHeight / 2];
  const bend = Math.max(24, Math.abs(down ? end[1] - start[1] : end[0] - start[0]) / 2);
  const c1 = down ? [start[0], start[1] + bend] : [start[0] + bend, start[1]];
  const c2 = down ? [end[0], end[1] - bend] : [end[0] - bend, end[1]];
  const leaving = lines.filter((line) => line.from === from).length;
  const arriving = lines.filter((line) => line.to === to).length;
  const at = leaving > 1 ? 0.66 : arriving > 1 ? 0.34 : 0.5;
  const path = `M${start.join(" ")}C${c1.join(" ")} ${c2.join(" ")} ${end.join(" ")}`;
  return { path, label: pointAt([start, c1, c2, end], at) };
}

function pointAt([a, b, c, d], t) {
  const s = 1 - t;
  const mix = (i) => s ** 3 * a[i] + 3 * s * s * t * b[i] + 3 * s * t * t * c[i] + t ** 3 * d[i];
  return { x: mix(0), y: mix(1) };
}
