// Builds elements. Every text becomes a text node and every attribute goes through setAttribute, so a name with markup in
// it is shown, never run. Nothing on this page is made any other way.

const svgNamespace = "http://www.w3.org/2000/svg";

/** element("td", { class: "x" }, "text", child, …); undefined attributes and children are left out. */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(svgNamespace, name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) node.setAttribute(key, String(value));
  }
  for (const child of children.flat()) {
    if (child === undefined) continue;
    node.append(typeof child === "object" ? child : document.createTextNode(String(child)));
  }
  return node;
}

export function byId(id) {
  return document.getElementById(id);
}

/** Sets text only when it differs, so that a reader's selection survives. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
