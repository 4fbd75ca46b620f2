/**
 * The incremental graph under the compiler. Cells hold what is given; derived nodes hold what is computed from cells
 * and other nodes, and remember what they read. A change marks its readers dirty; `settle` recomputes dirty nodes from
 * the lowest height up and goes on from a node only if its value became another one. So a change recomputes what reads
 * it and nothing else, and a node is recomputed at most once in a settling, unless it begins to read something that
 * stands above it.
 *
 *   fresh ──a read node changed──▶ dirty ──settle, or a reader asks──▶ fresh
 *     └───────────no reader left at the end of a settling──────────▶ gone
 *
 * Promises: after `settle` every watched node equals a fresh computation; a node nobody reads is forgotten;
 * recomputations are counted by kind. Synchronous, single-threaded. Called by compiler.ts; values are immutable.
 */
import { invariant } from "../platform/error.ts";
import { same } from "./same.ts";

export type Read = <T>(source: Source<T>) => T;

/** What can be read: a cell or a node. */
export abstract class Source<T> {
  /** Nodes that read this. */
  readonly readers = new Set<Node<unknown>>();
  /** Greater than that of everything it reads. */
  height = 0;
  abstract current(): T;
  /** Called at the end of a settling if nobody reads it. */
  abstract abandon(): void;
}

export class Cell<T> extends Source<T> {
  #value: T;
  readonly #graph: Graph;
  readonly #onAbandon: (() => void) | undefined;

  constructor(graph: Graph, value: T, onAbandon?: () => void) {
    super();
    this.#graph = graph;
    this.#value = value;
    this.#onAbandon = onAbandon;
  }

  current(): T {
    return this.#value;
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    this.#graph.changed(this);
  }

  abandon(): void {
    this.#onAbandon?.();
  }
}

interface NodeOptions<T> {
  readonly kind: string;
  readonly compute: (read: Read) => T;
  readonly onGone?: () => void;
  /** Makes it an output: called when a settling gave it another value. */
  onChange?(now: T, before: T | undefined): void;
}

export class Node<T> extends Source<T> {
  readonly #graph: Graph;
  readonly #options: NodeOptions<T>;
  #state: { readonly value: T } | undefined;
  #reads: readonly Source<unknown>[] = [];
  #computing = false;
  dirty = true;
  gone = false;

  constructor(graph: Graph, options: NodeOptions<T>) {
    super();
    this.#graph = graph;
    this.#options = options;
  }

  current(): T {
    invariant(!this.#computing, `a ${this.#options.kind} does not read itself`);
    if (this.dirty) this.refresh();
    invariant(this.#state !== undefined, "a fresh node has a value");
    return this.#state.value;
  }

  /** What it was last computed to be, however long ago. */
  last(): T | undefined {
    return this.#state?.value;
  }

  refresh(): void {
    this.#computing = true;
    this.dirty = false;
    const reads = new Set<Source<unknown>>();
    const value = this.#options.compute((source) => {
      const current = source.current();
      // At once: should it change while this is still being computed, this is computed again.
      source.readers.add(this);
      reads.add(source);
      return current;
    });
    this.#computing = false;
    this.#graph.count(this.#options.kind);
    this.#link([...reads]);
    const before = this.#state;
    if (before && same(before.value, value)) return;
    this.#state = { value };
    this.#graph.changed(this);
    this.#options.onChange?.(value, before?.value);
  }

  /** Stands at least at `height`, and so do its readers above it. */
  raise(height: number): void {
    if (this.height >= height) return;
    this.height = height;
    for (const reader of this.readers) reader.raise(height + 1);
  }

  abandon(): void {
    if (this.gone || this.#options.onChange) return;
    this.end();
  }

  end(): void {
    this.gone = true;
    this.#link([]);
    this.#options.onGone?.();
  }

  #link(reads: readonly Source<unknown>[]): void {
    const before = this.#reads;
    this.#reads = reads;
    let height = 0;
    for (const source of reads) height = Math.max(height, source.height + 1);
    this.raise(height);
    if (before.length === reads.length && before.every((source, index) => source === reads[index])) return;
    const now = new Set(reads);
    for (const source of before) if (!now.has(source)) this.#graph.unlink(source, this);
  }
}

export class Graph {
  /** Dirty nodes by height. */
  readonly #dirty: Node<unknown>[][] = [];
  readonly #orphans = new Set<Source<unknown>>();
  readonly #recomputed = new Map<string, number>();
  #lowest = 0;

  /** How often nodes of each kind were computed since the start. */
  get recomputed(): ReadonlyMap<string, number> {
    return this.#recomputed;
  }

  /** A node that is kept and told of, until the returned node's `end`. Computed by the next `settle`. */
  watch<T>(kind: string, compute: (read: Read) => T, onChange: (now: T, before: T | undefined) => void): Node<T> {
    const node = new Node(this, { kind, compute, onChange });
    this.#enqueue(node);
    return node;
  }

  /** Computed now, and kept no longer than until the next `settle`. */
  ask<T>(compute: (read: Read) => T): T {
    const node = new Node(this, { kind: "asked", compute });
    const value = node.current();
    node.end();
    return value;
  }

  changed(source: Source<unknown>): void {
    for (const reader of source.readers) {
      if (reader.dirty) continue;
      reader.dirty = true;
      reader.raise(source.height + 1);
      this.#enqueue(reader);
    }
  }

  count(kind: string): void {
    this.#recomputed.set(kind, (this.#recomputed.get(kind) ?? 0) + 1);
  }

  unlink(source: Source<unknown>, reader: Node<unknown>): void {
    source.readers.delete(reader);
    if (source.readers.size === 0) this.#orphans.add(source);
  }

  settle(): void {
    while (this.#lowest < this.#dirty.length) {
      const node = this.#dirty[this.#lowest]?.pop();
      if (!node) this.#lowest++;
      else if (node.gone || !node.dirty) continue;
      else if (node.height > this.#lowest) this.#enqueue(node);
      else node.refresh();
    }
    this.#lowest = 0;
    // Ending one may orphan what it read: the set grows while it is walked, and the walk sees that.
    for (const source of this.#orphans) if (source.readers.size === 0) source.abandon();
    this.#orphans.clear();
  }

  #enqueue(node: Node<unknown>): void {
    for (let height = this.#dirty.length; height <= node.height; height++) this.#dirty.push([]);
    this.#dirty[node.height]?.push(node);
    this.#lowest = Math.min(this.#lowest, node.height);
  }
}

/** Cells by key, made when first named; one that holds `empty` and has no reader is forgotten. */
export class CellFamily<T> {
  readonly #graph: Graph;
  readonly #empty: T;
  readonly #cells = new Map<string, Cell<T>>();

  constructor(graph: Graph, empty: T) {
    this.#graph = graph;
    this.#empty = empty;
  }

  at(key: string): Cell<T> {
    const known = this.#cells.get(key);
    if (known) return known;
    const made = new Cell(this.#graph, this.#empty, () => this.#prune(key));
    this.#cells.set(key, made);
    return made;
  }

  set(key: string, value: T): void {
    this.at(key).set(value);
    this.#prune(key);
  }

  get(key: string): T {
    return this.#cells.get(key)?.current() ?? this.#empty;
  }

  #prune(key: string): void {
    const cell = this.#cells.get(key);
    if (cell && cell.readers.size === 0 && cell.current() === this.#empty) this.#cells.delete(key);
  }
}

/** Nodes by key, made when first read. The key holds everything that tells one computation from another. */
export class NodeFamily<Key extends readonly string[], T> {
  readonly #graph: Graph;
  readonly #kind: string;
  readonly #compute: (read: Read, ...key: Key) => T;
  readonly #nodes = new Map<string, Node<T>>();

  constructor(graph: Graph, kind: string, compute: (read: Read, ...key: Key) => T) {
    this.#graph = graph;
    this.#kind = kind;
    this.#compute = compute;
  }

  get size(): number {
    return this.#nodes.size;
  }

  at(...key: Key): Node<T> {
    const joined = key.join("\n");
    const known = this.#nodes.get(joined);
    if (known) return known;
    const made = new Node<T>(this.#graph, {
      kind: this.#kind,
      compute: (read) => this.#compute(read, ...key),
      onGone: () => this.#nodes.delete(joined),
    });
    this.#nodes.set(joined, made);
    return made;
  }
}
