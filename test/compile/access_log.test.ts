import assert from "node:assert/strict";
import { test } from "node:test";
import { type LoggedSides, loggedSides } from "../../src/compile/access_log.ts";
import { Compiler } from "../../src/compile/compiler.ts";
import type { MeshObject } from "../../src/model/object.ts";
import type { AccessLogging } from "../../src/model/telemetry.ts";
import { ns, recomputedBy, setObject, setWorkload, sidecar } from "./mesh.ts";

type OfTelemetry = MeshObject & { readonly kind: "Telemetry" };

const both: AccessLogging = { sides: ["client", "server"] };

function telemetry(namespace: string, said: readonly AccessLogging[], rest: Partial<OfTelemetry> = {}): OfTelemetry {
  return { kind: "Telemetry", namespace: ns(namespace), name: "one", createdAt: 1, accessLogging: said, ...rest };
}

const selecting = (app: string) => ({ name: app, selector: { labels: { app } } });

const loggedOf = (...telemetries: readonly OfTelemetry[]): LoggedSides =>
  loggedSides(telemetries, { namespace: ns("default"), labels: { app: "a" } });

test("the mesh's, the namespace's, the workload's: the narrower one replaces the wider, side by side", () => {
  const mesh = telemetry("mesh-system", [both]);
  const quiet = telemetry("default", [{ ...both, disabled: true }]);
  const served: AccessLogging = { sides: ["server"], disabled: false };
  assert.deepEqual(loggedOf(), []);
  assert.deepEqual(loggedOf(mesh), ["client", "server"]);
  assert.deepEqual(loggedOf(mesh, telemetry("other", [{ ...both, disabled: true }])), ["client", "server"]);
  assert.deepEqual(loggedOf(mesh, quiet), []);
  assert.deepEqual(loggedOf(quiet, mesh, telemetry("default", [served], selecting("a"))), ["server"]);
  assert.deepEqual(loggedOf(mesh, quiet, telemetry("default", [served], selecting("b"))), []);
  assert.deepEqual(loggedOf(mesh, telemetry("default", [{ sides: ["client"], disabled: true }])), ["server"]);
});

test("disabled is undone by `disabled: false` alone, and of one object the last that matches holds", () => {
  const quiet = telemetry("mesh-system", [{ ...both, disabled: true }]);
  assert.deepEqual(loggedOf(quiet, telemetry("default", [both])), []);
  assert.deepEqual(loggedOf(quiet, telemetry("default", [{ ...both, disabled: false }])), ["client", "server"]);
  assert.deepEqual(loggedOf(telemetry("default", [{ ...both, disabled: true }, { sides: ["client"] }])), ["client"]);
});

test("of several for all of a namespace the oldest counts", () => {
  const younger = telemetry("default", [{ ...both, disabled: true }], { name: "two", createdAt: 2 });
  assert.deepEqual(loggedOf(younger, telemetry("default", [both])), ["client", "server"]);
});

test("a Telemetry computes the items of those alone whose lines come or go", () => {
  const compiler = new Compiler();
  const names = ["a", "b", "c"];
  compiler.update(names.map((name) => setWorkload(sidecar(name))));
  const owned = (object: MeshObject): readonly [number, readonly string[]] => {
    let layers: readonly string[] = [];
    const { own = 0 } = recomputedBy(compiler, () => {
      layers = compiler.update([setObject(object)]).map(({ layer }) => layer);
    });
    return [own, layers];
  };

  assert.deepEqual(owned(telemetry("default", [both], selecting("nobody"))), [0, []]);
  assert.deepEqual(owned(telemetry("elsewhere", [both])), [0, []]);
  assert.deepEqual(owned(telemetry("default", [both], selecting("b"))), [1, ["own/b.default"]]);
  assert.deepEqual(owned(telemetry("default", [{ ...both, disabled: true }])), [1, ["own/b.default"]]);
  assert.deepEqual(
    owned(telemetry("mesh-system", [both])).flat(),
    [0],
    "the namespace is quiet whatever the mesh says",
  );
});
