// Draws the laid-out graph. The drawing is made anew only when a box or line comes or goes; else its figures are changed
// in place, so that nothing flickers and the flow on the lines goes on.

import { element, setText, svg } from "./elements.js";
import { health, percent, rate, securityWords } from "./figures.js";
import { layOut, narrow, wide } from "./graph_layout.js";

const narrowBelow = 640;

export class GraphView {
  #host;
  #signature = "";
  #boxes = new Map();
  #lines = new Map();
  /** undefined: nothing has come in yet. */
  #topology;

  constructor(host) {
    this.#host = host;
    new ResizeObserver(() => this.#topology && this.show(this.#topology)).observe(host);
  }

  show(topology) {
    this.#topology = topology;
    const shape = this.#host.clientWidth < narrowBelow ? narrow : wide;
    const graph = layOut(topology, shape);
    const signature = JSON.stringify([
      shape.down,
      graph.boxes.map(({ key, x, y }) => [key, x, y]),
      graph.lines.map(({ key }) => key),
    ]);
    if (signature !== this.#signature) this.#draw(graph, shape);
    this.#signature = signature;
    for (const box of graph.boxes) this.#boxes.get(box.key)?.(box);
    for (const line of graph.lines) this.#lines.get(line.key)?.(line);
  }

  #draw(graph, shape) {
    this.#boxes.clear();
    this.#lines.clear();
    if (graph.boxes.length === 0) {
      this.#host.replaceChildren(
        element("p", { class: "empty" }, "No workload reports yet. Start one: ", element("code", {}, "meshctl run")),
      );
      return;
    }
    const picture = svg("svg", {
      viewBox: `0 0 ${graph.width} ${graph.height}`,
      width: graph.width,
      height: graph.height,
      role: "img",
      "aria-label": "Services and the calls between them; the table of calls says the same",
    });
    picture.append(
      svg("g", {}, ...graph.lines.map((line) => this.#line(line))),
      svg("g", {}, ...graph.boxes.map((box) => this.#box(box, shape))),
      svg("g", {}, ...(shape.down ? [] : graph.lines.map((line) => this.#label(line)))),
    );
    this.#host.replaceChildren(picture);
  }

  #line({ key, path }) {
    const base = svg("path", { d: path });
    const flow = svg("path", { d: path });
    const title = svg("title");
    this.#onLine(key, (line) => {
      const state = line.perSecond > 0 ? health(line.successRate) : "idle";
      const plain = line.security === "plaintext" || line.security === "mixed" ? " plain" : "";
      base.setAttribute("class", `edge ${state}${plain}`);
      base.setAttribute("stroke-width", String(Math.min(6, 1.5 + Math.log2(1 + line.perSecond) * 0.7)));
      flow.setAttribute("class", `flow ${state}`);
      flow.style.animationDuration = `${Math.max(0.5, Math.min(4, 6 / (1 + line.perSecond))).toFixed(1)}s`;
      setText(title, words(line));
    });
    return svg("g", {}, title, base, flow);
  }

  #label({ key, label }) {
    const text = svg("text", { class: "edge-words", "text-anchor": "middle", y: 4 });
    const plate = svg("rect", { class: "plate", y: -10, height: 20, rx: 10 });
    const lock = lockSign();
    const group = svg("g", { transform: `translate(${label.x} ${label.y})` }, plate, text, lock);
    this.#onLine(key, (line) => {
      const failing = line.successRate < 1 && line.perSecond > 0;
      setText(text, failing ? `${rate(line.perSecond)} · ${percent(line.successRate)}` : rate(line.perSecond));
      const state = line.perSecond > 0 ? health(line.successRate) : "idle";
      text.setAttribute("class", `edge-words ${state}`);
      lock.setAttribute("class", `lock ${line.security}`);
      const half = text.textContent.length * 3.3 + 17;
      plate.setAttribute("x", String(-half));
      plate.setAttribute("width", String(2 * half));
      text.setAttribute("x", "8");
      lock.setAttribute("transform", `translate(${-half + 7} -7)`);
    });
    return group;
  }

  #box({ key, x, y, service, version, role, namespace }, shape) {
    const { boxWidth: width, boxHeight: height, down } = shape;
    const frame = svg("rect", { class: `box ${role}`, width, height, rx: 9 });
    const figure = svg("text", { class: "box-figure", x: 10, y: height - 12 });
    const title = svg("title");
    const room = Math.floor((width - (down || version === "" ? 12 : 46)) / (down ? 6.9 : 7.8));
    const name = svg("text", { class: "box-name", x: 10, y: 21 }, shortened(service, room));
    const chip = version === "" || down ? undefined : versionChip(version, width);
    this.#boxes.set(key, (box) => {
      const warming = box.warming > 0 ? " warming" : "";
      const quiet = box.inboundPerSecond === 0 ? " quiet" : "";
      frame.setAttribute("class", `box ${role}${quiet}${warming}${box.deniedPerSecond > 0 ? " denying" : ""}`);
      const denied = box.deniedPerSecond > 0 ? ` · ${rate(box.deniedPerSecond)} denied` : "";
      const kind = role === "gateway" ? "gateway" : box.instances > 1 ? `${box.instances} ×` : "";
      const shown = `${down && version ? `${shortened(version, 5)} ` : ""}${rate(box.inboundPerSecond)}`;
      setText(figure, down ? shown : [kind, `${rate(box.inboundPerSecond)} in${denied}`].filter(Boolean).join(" · "));
      const parts = [
        `${service} ${version}`.trim(),
        `namespace ${namespace}`,
        `${rate(box.inboundPerSecond)} in${denied}`,
      ];
      setText(title, [...parts, ...(box.warming > 0 ? [`${box.warming} warming`] : [])].join("\n"));
    });
    return svg(
      "g",
      { transform: `translate(${x} ${y})`, class: down ? "small" : "" },
      title,
      frame,
      name,
      chip,
      figure,
    );
  }

  /** Both the curve and its label belong to one line. */
  #onLine(key, change) {
    const earlier = this.#lines.get(key);
    this.#lines.set(key, (line) => {
      earlier?.(line);
      change(line);
    });
  }
}

function words(line) {
  const names = `${line.from.service} ${line.from.version} → ${line.to.service} ${line.to.version}`;
  return `${names}\n${rate(line.perSecond)}, ${percent(line.successRate)} answered, ${securityWords[line.security]}`;
}

function versionChip(version, width) {
  const text = shortened(version, 8);
  const wide = text.length * 7 + 12;
  return svg(
    "g",
    { transform: `translate(${width - wide - 8} 8)` },
    svg("rect", { class: "chip", width: wide, height: 18, rx: 9 }),
    svg("text", { class: "chip-words", x: wide / 2, y: 13, "text-anchor": "middle" }, text),
  );
}

function shortened(text, room) {
  return text.length > room ? `${text.slice(0, Math.max(1, room - 1))}…` : text;
}

/** Closed: mTLS. Open: plaintext or partly. Its class says which. */
function lockSign() {
  return svg(
    "g",
    { class: "lock unknown" },
    svg("path", { class: "shackle", d: "M3 6V4a2.5 2.5 0 0 1 5 0v2" }),
    svg("rect", { class: "body", x: 1.5, y: 6, width: 8, height: 6.5, rx: 1.5 }),
  );
}
