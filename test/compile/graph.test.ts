import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Cell, CellFamily, Graph, NodeFamily } from "../../src/compile/graph.ts";

test("a change recomputes what reads it, and stops where the value is the same", () => {
  const graph = new Graph();
  const [left, right] = [new Cell(graph, 1), new Cell(graph, 10)];
  const parity = new NodeFamily(graph, "parity", (read) => read(left) % 2);
  const sum = new NodeFamily(graph, "sum", (read) => read(parity.at()) + read(right));
  const seen: number[] = [];
  graph.watch(
    "out",
    (read) => read(sum.at()),
    (now) => seen.push(now),
  );
  graph.settle();
  assert.deepEqual(seen, [11]);

  left.set(3);
  graph.settle();
  assert.deepEqual([graph.recomputed.get("parity"), graph.recomputed.get("sum")], [2, 1]);

  right.set(20);
  graph.settle();
  assert.deepEqual([graph.recomputed.get("parity"), graph.recomputed.get("sum")], [2, 2]);
  assert.deepEqual(seen, [11, 21]);
});

test("a node that reads one cell by two ways is computed once for a change of it", () => {
  const graph = new Graph();
  const cell = new Cell(graph, 1);
  const double = new NodeFamily(graph, "double", (read) => read(cell) * 2);
  const deep = new NodeFamily(graph, "deep", (read) => read(double.at()) + 1);
  graph.watch(
    "out",
    (read) => read(cell) + read(deep.at()),
    () => {},
  );
  graph.settle();
  cell.set(2);
  graph.settle();
  assert.equal(graph.recomputed.get("out"), 2);
});

test("what nobody reads any more is forgotten", () => {
  const graph = new Graph();
  const which = new Cell(graph, "a");
  const cells = new CellFamily(graph, 0);
  const nodes = new NodeFamily(graph, "node", (read, key: string) => read(cells.at(key)));
  const out = graph.watch(
    "out",
    (read) => read(nodes.at(read(which))),
    () => {},
  );
  graph.settle();
  which.set("b");
  graph.settle();
  assert.equal(nodes.size, 1);
  out.end();
  graph.settle();
  assert.equal(nodes.size, 0);
});

test("a node that reads itself is refused, by what it is", () => {
  const graph = new Graph();
  const loop: NodeFamily<[], number> = new NodeFamily(graph, "loop", (read) => read(loop.at()));
  graph.watch(
    "out",
    (read) => read(loop.at()),
    () => {},
  );
  assert.throws(() => graph.settle(), /loop/);
});

test("after any sequence of changes every output is what a fresh computation gives", () => {
  const change = fc.record({ cell: fc.nat(4), value: fc.nat(5) });
  fc.assert(
    fc.property(fc.array(fc.array(change, { minLength: 1, maxLength: 4 }), { maxLength: 12 }), (steps) => {
      const graph = new Graph();
      const cells = Array.from({ length: 5 }, () => new Cell(graph, 0));
      const at = (index: number): Cell<number> => cells[index % 5] as Cell<number>;
      // Which cells are read depends on values, so heights and readers move.
      const hop = new NodeFamily(graph, "hop", (read, from: string) => read(at(read(at(Number(from))))) % 3);
      const far = new NodeFamily(graph, "far", (read, from: string): number =>
        Number(from) === 0 ? read(hop.at("0")) : read(hop.at(from)) + read(far.at(String(Number(from) - 1))),
      );
      const outputs = new Map<number, number>();
      for (const key of [0, 2, 4]) {
        graph.watch(
          `out`,
          (read) => read(far.at(String(key))),
          (now) => outputs.set(key, now),
        );
      }
      for (const step of steps) {
        for (const { cell, value } of step) at(cell).set(value);
        graph.settle();
        const value = (index: number): number => at(index).current();
        const fresh = (from: number): number => {
          const own = value(value(from)) % 3;
          return from === 0 ? own : own + fresh(from - 1);
        };
        for (const [key, got] of outputs) assert.equal(got, fresh(key));
      }
    }),
  );
});
