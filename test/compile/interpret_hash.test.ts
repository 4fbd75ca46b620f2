/** What the interpreter says is hashed of a request. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decide } from "../../src/compile/interpret.ts";
import type { Hashed } from "../../src/compile/interpret_hash.ts";
import type { RouteTableItem } from "../../src/compile/ir.ts";
import type { HttpRequest } from "../../src/model/http_request.ts";
import type { HashKey } from "../../src/model/traffic.ts";

const keys: readonly HashKey[] = [
  { kind: "header", name: "x-user" },
  { kind: "query", name: "id" },
  { kind: "cookie", name: "session" },
  { kind: "cookie", name: "given", ttlMs: 60_000 },
  { kind: "source-ip" },
];
const table: RouteTableItem = {
  type: "route",
  name: "outbound",
  anyPort: false,
  virtualHosts: [
    {
      name: "all",
      domains: ["*"],
      routes: [
        {
          match: { kind: "request", path: { kind: "prefix", value: "/", ignoreCase: false }, headers: [] },
          action: { kind: "forward", clusters: [{ name: "one", weight: 1 }], timeoutMs: 0, hash: keys },
        },
      ],
    },
  ],
};

function hashed(request: Partial<HttpRequest>): readonly string[] {
  const whole = { scheme: "http", method: "GET", authority: "reviews", path: "/", headers: {}, ...request } as const;
  const decision = decide(table, whole);
  assert.ok(decision.kind === "route" && decision.outcome.kind === "forward");
  return (decision.outcome.destinations[0]?.hashed ?? []).map((one: Hashed) =>
    one.is === "value" ? `=${one.value}` : one.is,
  );
}

test("a key that the request does not say chooses nothing, but a cookie may be given", () => {
  assert.deepEqual(hashed({}), ["absent", "absent", "absent", "given", "address"]);
});

test("values are those of the request: the first of a parameter, a cookie without its quotes", () => {
  const headers = { "x-user": "ann", cookie: 'a=1; session="s=1"; session=s2; given=g' };
  assert.deepEqual(hashed({ path: "/?x&id=7&id=8", headers }), ["=ann", "=7", "=s=1", "=g", "address"]);
  assert.deepEqual(hashed({ headers: { cookie: "given=" } }), ["absent", "absent", "absent", "given", "address"]);
});
