/** As much of a browser's document as the page uses: elements, text nodes, attributes. What is in it can be walked. */

export class FakeNode {
  readonly name: string;
  readonly attributes = new Map<string, string>();
  readonly style: Record<string, string> = {};
  readonly dataset: Record<string, string> = {};
  children: (FakeNode | FakeText)[] = [];
  hidden = false;
  clientWidth = 1_200;

  constructor(name: string) {
    this.name = name;
  }

  setAttribute(name: string, value: string): void {
    this.attributes.set(name, value);
  }

  append(...children: (FakeNode | FakeText)[]): void {
    this.children.push(...children);
  }

  replaceChildren(...children: (FakeNode | FakeText)[]): void {
    this.children = children;
  }

  get textContent(): string {
    return this.children.map((child) => child.textContent).join("");
  }

  set textContent(text: string) {
    this.children = [new FakeText(text)];
  }

  /** This element and all in it. */
  *elements(): Generator<FakeNode> {
    yield this;
    for (const child of this.children) if (child instanceof FakeNode) yield* child.elements();
  }
}

export class FakeText {
  readonly textContent: string;
  constructor(text: string) {
    this.textContent = text;
  }
}

export class FakeDocument {
  readonly #byId = new Map<string, FakeNode>();

  createElement(name: string): FakeNode {
    return new FakeNode(name);
  }

  createElementNS(_namespace: string, name: string): FakeNode {
    return new FakeNode(name);
  }

  createTextNode(text: string): FakeText {
    return new FakeText(text);
  }

  getElementById(id: string): FakeNode {
    const node = this.#byId.get(id) ?? new FakeNode("div");
    this.#byId.set(id, node);
    return node;
  }
}
