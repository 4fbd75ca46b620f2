import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkObjects, rememberingGood } from "../../src/compile/check.ts";
import { Compiler } from "../../src/compile/compiler.ts";
import type { Item } from "../../src/compile/ir.ts";
import { validateItem } from "../../src/envoy/validate.ts";
import type { MeshObject } from "../../src/model/object.ts";
import { serviceEntry } from "../compile/entries.ts";
import { destinationRule, endpoint, hostOf, ns, setShard, shard, sidecar, virtualService } from "../compile/mesh.ts";
import { goldenCases } from "../golden/cases.ts";
import { loadGolden } from "../golden/load.ts";

function liveMesh(): Compiler {
  const compiler = new Compiler();
  compiler.update([setShard(shard("reviews", [endpoint("1")])), { kind: "workload", workload: sidecar("client") }]);
  return compiler;
}

/** What a candidate is tried on. */
function triedOn(candidate: MeshObject): readonly string[] {
  const tried: string[] = [];
  const validate = (item: Item): [] => {
    tried.push(`${item.type} ${item.name}`);
    return [];
  };
  checkObjects({ mesh: liveMesh().input, candidates: [candidate], validate });
  return tried;
}

test("an object that Envoy would refuse is named, with what it would make and where", () => {
  const broken = virtualService(
    "reviews",
    {},
    {
      http: [
        {
          matches: [
            {
              headers: [{ name: "bad\nname", match: { kind: "exact", value: "x" } }],
              withoutHeaders: [],
              query: [],
              gateways: [],
              ignoreUriCase: false,
            },
          ],
          mirrors: [],
          destinations: [{ host: hostOf("reviews"), weight: 1 }],
        },
      ],
    },
  );
  const good = destinationRule("reviews", ["v1"]);
  const problems = checkObjects({ mesh: liveMesh().input, candidates: [good, broken], validate: validateItem });
  assert.equal(problems.length, 1);
  assert.equal(problems[0]?.object, "virtualservice default/reviews");
  assert.match(
    problems[0]?.message ?? "",
    /route outbound: virtual_hosts\[0\]\.routes\[1\]\.match\.headers\[0\]\.name/,
  );
});

test("checking leaves the live mesh alone", () => {
  const live = liveMesh();
  const before = new Map(live.recomputed);
  checkObjects({ mesh: live.input, candidates: [virtualService("reviews", {})], validate: validateItem });
  assert.deepEqual(new Map(live.recomputed), before);
  assert.deepEqual(live.update([]), []);
});

test("a rule is tried on its host's clusters, there or not", () => {
  assert.ok(triedOn(destinationRule("reviews", ["v1"])).includes(`cluster outbound|80|v1|${hostOf("reviews")}`));
  assert.ok(triedOn(destinationRule("absent", ["v1"])).includes(`cluster outbound|80|v1|${hostOf("absent")}`));
});

test("a policy is tried on every kind of port, a Gateway on its listeners", () => {
  const base = { namespace: ns("default"), name: "x", createdAt: 1 };
  const policy = triedOn({ ...base, kind: "PeerAuthentication", mode: "strict", portModes: {} });
  assert.equal(policy.filter((name) => name.startsWith("listener inbound")).length, 3);
  const server = {
    port: { number: 8080, name: "http" },
    hosts: [],
    serves: { kind: "http", redirect: false } as const,
  };
  const gateway = triedOn({ ...base, kind: "Gateway", selector: { labels: { a: "b" } }, servers: [server] });
  assert.ok(gateway.includes("listener gateway_8080") && gateway.includes("route gateway_8080"));
});

test("every object of the golden cases passes", () => {
  for (const { directory, name } of goldenCases()) {
    const { contents } = loadGolden(readFileSync(join(directory, "input.yaml"), "utf8"));
    const problems = checkObjects({ mesh: liveMesh().input, candidates: contents.objects, validate: validateItem });
    assert.deepEqual(problems, [], name);
  }
});

test("what was found good is passed over until it is another; what was found bad is not", () => {
  const tried: string[] = [];
  const validate = rememberingGood((item) => {
    tried.push(item.name);
    return item.name === "bad" ? [{ path: "name", message: "is bad" }] : [];
  });
  const cluster = (name: string, service: string): Item =>
    ({
      type: "cluster",
      name,
      upstream: { kind: "endpoints" },
      service,
    }) as unknown as Item;
  assert.deepEqual(validate(cluster("one", "a")), []);
  assert.deepEqual(validate(cluster("one", "a")), []);
  assert.deepEqual(validate(cluster("one", "b")), []);
  assert.equal(validate(cluster("bad", "a")).length, 1);
  assert.equal(validate(cluster("bad", "a")).length, 1);
  assert.deepEqual(tried, ["one", "one", "bad", "bad"]);
});

test("a ServiceEntry is tried with what it selects, a rule and routes for its host with it", () => {
  const host = "api.example.com";
  const selecting = serviceEntry([host], { selector: { labels: { app: "vm" } }, endpoints: [] });
  assert.ok(triedOn(selecting).includes(`cluster outbound|80||${host}`));
  const mesh = liveMesh();
  mesh.update([{ kind: "object", object: serviceEntry([host], { resolution: "dns" }) }]);
  const tried: string[] = [];
  const validate = (item: Item): [] => {
    if (item.type === "cluster" && item.name.endsWith(host)) tried.push(`${item.name} ${item.upstream.kind}`);
    return [];
  };
  checkObjects({ mesh: mesh.input, candidates: [destinationRule(host, ["v1"])], validate });
  assert.deepEqual(tried, [`outbound|80||${host} names`, `outbound|80|v1|${host} names`]);
});
