// Holds the table of rooms against what src/ imports. A failure names the line and the ways out.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Allowed, generated, rooms } from "./rooms.ts";
import { type Import, importsOf, read, sourceFiles } from "./source.ts";

type Importer = { readonly file: string; readonly room: string };

describe("rooms", () => {
  const files = sourceFiles("**/*.ts").filter((file) => !file.endsWith(".test.ts"));

  test("every folder of src/ is in the table", () => {
    const unknown = [...new Set(files.map(roomOf))].filter((room) => !Object.hasOwn(rooms, room));
    assert.deepEqual(unknown, [], `not in test/architecture/rooms.ts: ${unknown.join(", ")}`);
  });

  test("imports go only where the table allows", () => {
    const problems = files.flatMap((file) => problemsOf(file, importsOf(file, read(file))));
    assert.equal(problems.length, 0, `\n${problems.join("\n")}`);
  });

  test("no files import each other in a circle, not even their types", () => {
    const circle = circleIn(
      new Map(files.map((file) => [file, importsOf(file, read(file)).map(({ target }) => target)])),
    );
    assert.equal(circle, undefined, `${circle?.join(" → ")}: move what both need into a file of its own`);
  });
});

describe("the check itself", () => {
  test("sees every form of import, and no comment or string", () => {
    const source = [
      'import a from "../model/a.ts";',
      'import type { B } from "../compile/b.ts";',
      'export * from "./c.ts";',
      "import {\n  d,\n  e,\n} from '../store/d.ts';",
      'import "../store/side.ts";',
      'const f = await import("../xds/f.ts");',
      '// import g from "../store/g.ts";',
      "const text = `import h from \"../store/h.ts\" ${'x'}`;",
    ].join("\n");
    const found = importsOf("envoy/x.ts", source).map(({ target, line, typesOnly }) => [target, line, typesOnly]);
    assert.deepEqual(found, [
      ["model/a.ts", 1, false],
      ["compile/b.ts", 2, true],
      ["envoy/c.ts", 3, false],
      ["store/d.ts", 7, false],
      ["store/side.ts", 8, false],
      ["xds/f.ts", 9, false],
    ]);
  });

  test("finds a circle of any length", () => {
    const along = (...files: readonly string[]) =>
      new Map(files.map((file, at) => [file, files.slice(at + 1, at + 2)]));
    assert.equal(circleIn(along("a", "b", "c")), undefined);
    assert.deepEqual(circleIn(new Map([...along("a", "b", "c"), ["c", ["b"]]])), ["b", "c", "b"]);
  });

  test("allows what the table says and refuses the rest", () => {
    const refused = (file: string, target: string, typesOnly = false): boolean =>
      problemsOf(file, [{ target, line: 1, typesOnly }]).length > 0;
    assert.equal(refused("store/a.ts", "model/b.ts"), false);
    assert.equal(refused("store/a.ts", "platform/clock.ts"), false);
    assert.equal(refused("store/a.ts", "xds/b.ts"), true);
    assert.equal(refused("store/a.ts", "#envoy/envoy/x_pb.js"), true);
    assert.equal(refused("platform/a.ts", "model/b.ts"), true);
    assert.equal(refused("envoy/a.ts", "compile/ir.ts"), true);
    assert.equal(refused("envoy/a.ts", "compile/ir.ts", true), false);
    assert.equal(refused("xds/a.ts", "envoy/resource.ts", true), false);
    assert.equal(refused("xds/a.ts", "envoy/cluster.ts", true), true);
    assert.equal(refused("cli/commands/compile.ts", "compile/ir.ts"), false);
    assert.equal(refused("cli/commands/apply.ts", "compile/ir.ts"), true);
    assert.equal(refused("meshd/main.ts", "xds/server.ts"), false);
    assert.equal(refused("meshd/main.ts", "../test/support/x.ts"), true);
  });
});

/** The first circle that a walk along the imports meets. */
function circleIn(imports: ReadonlyMap<string, readonly string[]>): readonly string[] | undefined {
  const done = new Set<string>();
  const walk = (file: string, way: readonly string[]): readonly string[] | undefined => {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const target of imports.get(file) ?? []) {
      const circle = walk(target, [...way, file]);
      if (circle) return circle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of imports.keys()) {
    const circle = walk(file, []);
    if (circle) return circle;
  }
  return undefined;
}

function problemsOf(file: string, imports: readonly Import[]): string[] {
  const importer = { file, room: roomOf(file) };
  return imports
    .filter((imported) => !isAllowed(importer, imported))
    .map(({ target, line }) => {
      const may = ["platform", ...wordsFor(importer.room)].join(", ");
      const advice = "move what is shared into one of those, or let a main hand it in";
      return `src/${file}:${line} imports ${target}. ${importer.room}/ may import ${may}: ${advice}`;
    });
}

function isAllowed(importer: Importer, imported: Import): boolean {
  const { target } = imported;
  const allowed = rooms[importer.room] ?? [];
  if (target.startsWith("..")) return false;
  if (target.startsWith("#"))
    return roomOf(target) === generated && (allowed === "everything" || allowed.includes(generated));
  const isPackage = !/\.[a-z]+$/.test(target) || !Object.hasOwn(rooms, roomOf(target));
  if (isPackage || target.startsWith("node:")) return true;
  const room = roomOf(target);
  if (room === importer.room || room === "platform" || allowed === "everything") return true;
  return allowed.some((entry) => matches(entry, importer, imported));
}

function matches(entry: Allowed, importer: Importer, { target, typesOnly }: Import): boolean {
  if (typeof entry === "string") return entry === roomOf(target);
  if ("typesOf" in entry) return typesOnly && (entry.typesOf === target || entry.typesOf === roomOf(target));
  return entry.room === roomOf(target) && entry.onlyFrom === importer.file;
}

function wordsFor(room: string): string[] {
  const allowed = rooms[room] ?? [];
  if (allowed === "everything") return ["every room"];
  return allowed.map((entry) => {
    if (typeof entry === "string") return entry;
    return "typesOf" in entry ? `${entry.typesOf} (import type)` : `${entry.room} (only in ${entry.onlyFrom})`;
  });
}

function roomOf(path: string): string {
  return path.split("/")[0] ?? path;
}
