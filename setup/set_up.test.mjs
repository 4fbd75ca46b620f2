// What set-up promises to everything that runs after it.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { describe, test } from "node:test";
import { create, createRegistry, fromBinary, getOption, toBinary, toJson } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { FilterSchema } from "#envoy/envoy/config/listener/v3/listener_components_pb.js";
import { RouterSchema } from "#envoy/envoy/extensions/filters/http/router/v3/router_pb.js";
import { HttpConnectionManagerSchema } from "#envoy/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { CommonGeoipProviderConfig_GeolocationHeadersToAddSchema as HeadersSchema } from "#envoy/envoy/extensions/geoip_providers/common/v3/common_pb.js";
import { rules } from "#envoy/validate/validate_pb.js";
import { withLock } from "./lock.mjs";
import { root, toolsFile } from "./paths.mjs";
import { withAdditions } from "./protobuf/additions.mjs";
import { atLeast, versionIn } from "./version.mjs";

const launcher = join(root, "setup", "run.sh");

describe("the launcher", () => {
  test("with nothing missing, it says nothing and takes less than a second", () => {
    const started = performance.now();
    const { status, stdout, stderr } = spawnSync("sh", [launcher], { encoding: "utf8" });
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: "", stderr: "" });
    assert.ok(performance.now() - started < 1_000);
  });

  test("a task that does not exist is a usage error", () => {
    assert.equal(spawnSync("sh", [launcher, "nonsense"]).status, 64);
    assert.equal(spawnSync("sh", [launcher, "bench", "nonsense"]).status, 64);
  });

  test("tools.json names programs that can be run", () => {
    const tools = JSON.parse(readFileSync(toolsFile, "utf8"));
    assert.deepEqual(Object.keys(tools).sort(), ["envoy", "natsServer", "node"]);
    for (const { path, version } of Object.values(tools)) {
      assert.ok(isAbsolute(path));
      accessSync(path, constants.X_OK);
      assert.match(version, /^\d+\.\d+\.\d+$/);
    }
  });
});

describe("versions", () => {
  test("are compared by number, not by text", () => {
    assert.equal(atLeast("2.12.15", "2.12.15"), true);
    assert.equal(atLeast("2.12.8", "2.12.15"), false);
    assert.equal(atLeast("2.15.1", "2.12.15"), true);
    assert.equal(atLeast("1.9.0", "1.40.0"), false);
  });

  test("are found in what programs say", () => {
    assert.equal(versionIn("nats-server: v2.15.1"), "2.15.1");
    assert.equal(versionIn("envoy  version: 9e55/1.40.0/Clean/RELEASE/BoringSSL"), "1.40.0");
    assert.equal(versionIn("no version here"), undefined);
  });
});

describe("generated protobuf", () => {
  test("a filter inside a filter survives bytes and is readable as JSON", () => {
    const router = { name: "router", configType: { case: "typedConfig", value: packed(RouterSchema, {}) } };
    const manager = packed(HttpConnectionManagerSchema, { statPrefix: "inbound", httpFilters: [router] });
    const filter = create(FilterSchema, { name: "http", configType: { case: "typedConfig", value: manager } });

    const again = fromBinary(FilterSchema, toBinary(FilterSchema, filter));

    const registry = createRegistry(HttpConnectionManagerSchema, RouterSchema);
    const json = toJson(FilterSchema, again, { registry });
    assert.equal(json.typedConfig.statPrefix, "inbound");
    assert.match(json.typedConfig.httpFilters[0].typedConfig["@type"], /\.Router$/);
  });

  test("carries Envoy's validation rules, with what the delivered tree lacks", () => {
    const name = getOption(HttpConnectionManagerSchema.field.statPrefix, rules);
    assert.equal(name.type.value.minLen, 1n);
    const header = getOption(HeadersSchema.field.country, rules);
    assert.equal(header.type.value.ignoreEmpty, true);
  });

  test("an addition that the tree has by now changes nothing", () => {
    const once = withAdditions("validate/validate.proto", skeleton());
    assert.match(once, /message StringRules \{\n {2}optional bool ignore_empty = 26;\n\}/);
    assert.equal(withAdditions("validate/validate.proto", once), once);
  });

  function packed(schema, fields) {
    return anyPack(schema, create(schema, fields));
  }

  function skeleton() {
    const kinds =
      "Float Double Int32 Int64 UInt32 UInt64 SInt32 SInt64 Fixed32 Fixed64 SFixed32 SFixed64 String Bytes Repeated Map";
    return kinds
      .split(" ")
      .map((kind) => `message ${kind}Rules {\n}\n`)
      .join("");
  }
});

describe("the lock", () => {
  test("one at a time", async (t) => {
    const file = lockIn(t);
    let inside = 0;
    const enter = () =>
      withLock(async () => {
        inside += 1;
        assert.equal(inside, 1);
        await new Promise((resolve) => setImmediate(resolve));
        inside -= 1;
      }, file);
    await Promise.all([enter(), enter(), enter()]);
  });

  test("is taken over from an owner that died", async (t) => {
    const file = lockIn(t);
    const dead = spawnSync("true").pid;
    writeFileSync(file, JSON.stringify({ pid: dead, host: hostname() }));
    assert.equal(await withLock(async () => "mine", file), "mine");
  });

  function lockIn(t) {
    const folder = mkdtempSync(join(tmpdir(), "weft-lock-"));
    t.after(() => rmSync(folder, { recursive: true }));
    return join(folder, "lock");
  }
});
