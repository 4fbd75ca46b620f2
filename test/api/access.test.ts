import assert from "node:assert/strict";
import { test } from "node:test";
import { type AccessRules, refuseCaller } from "../../src/api/access.ts";

const open: AccessRules = { hosts: [], origins: [], token: undefined };

function refusal(
  headers: Record<string, string>,
  rules = open,
  method = "POST",
  path = "/v1/apply",
): string | undefined {
  return refuseCaller({ method, path, headers }, rules)?.code;
}

test("a program on loopback is welcome by any of loopback's names", () => {
  for (const host of ["127.0.0.1:15480", "localhost:15480", "[::1]:15480", "LOCALHOST"]) {
    assert.equal(refusal({ host }), undefined, host);
  }
});

test("a page that rebinds its own name to loopback is refused by its Host", () => {
  for (const host of [
    "evil.example:15480",
    "127.0.0.1.evil.example",
    "",
    "127.0.0.1:15480.evil.example",
    "[::1].evil:1",
  ]) {
    assert.equal(refusal({ host }), "forbidden-host", host);
  }
});

test("a configured name of the listener is welcome", () => {
  assert.equal(refusal({ host: "mesh.example:15480" }, { ...open, hosts: ["mesh.example"] }), undefined);
});

test("a browser of another origin is refused, of the same or an allowed one is not", () => {
  const host = "127.0.0.1:15480";
  assert.equal(refusal({ host, origin: "http://evil.example" }), "forbidden-origin");
  assert.equal(refusal({ host, origin: "null" }), "forbidden-origin");
  assert.equal(refusal({ host, origin: "http://127.0.0.1:9999" }), "forbidden-origin");
  assert.equal(refusal({ host, origin: "http://127.0.0.1:15480" }), undefined);
  assert.equal(
    refusal({ host, origin: "http://127.0.0.1:9999" }, { ...open, origins: ["http://127.0.0.1:9999"] }),
    undefined,
  );
});

test("a browser's GET without Origin is judged by where it comes from; a followed link is harmless", () => {
  const host = "127.0.0.1:15480";
  assert.equal(refusal({ host, "sec-fetch-site": "cross-site" }, open, "GET", "/v1/proxies"), "forbidden-origin");
  assert.equal(refusal({ host, "sec-fetch-site": "same-site" }, open, "GET", "/v1/proxies"), "forbidden-origin");
  assert.equal(refusal({ host, "sec-fetch-site": "same-origin" }, open, "GET", "/v1/proxies"), undefined);
  const followed = { host, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };
  assert.equal(refusal(followed, open, "GET", "/"), undefined);
  assert.equal(refusal(followed, open, "POST", "/v1/apply"), "forbidden-origin");
});

test("a configured token is wanted everywhere but where machines ask whether the node lives", () => {
  const rules = { ...open, token: "s3cret" };
  const host = "127.0.0.1";
  assert.equal(refusal({ host }, rules), "unauthorized");
  assert.equal(refusal({ host, authorization: "Bearer s3cre" }, rules), "unauthorized");
  assert.equal(refusal({ host, authorization: "Basic s3cret" }, rules), "unauthorized");
  assert.equal(refusal({ host, authorization: "Bearer s3cret" }, rules), undefined);
  assert.equal(refusal({ host }, rules, "GET", "/readyz"), undefined);
});
