import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { create, fromBinary } from "@bufbuild/protobuf";
import { RouteConfigurationSchema } from "#envoy/envoy/config/route/v3/route_pb.js";
import type { Item } from "../../src/compile/ir.ts";
import { encode } from "../../src/envoy/encode.ts";
import { literal } from "../../src/envoy/matchers.ts";
import { compileCase, goldenCases } from "../golden/cases.ts";

const everything = goldenCases().flatMap((golden) => compileCase(golden).items);

/** The same data, with every object's keys the other way round and nothing shared. */
function copied<T>(value: T): T {
  const walk = (each: unknown): unknown => {
    if (Array.isArray(each)) return each.map(walk);
    if (typeof each !== "object" || each === null) return each;
    return Object.fromEntries(
      Object.entries(each)
        .reverse()
        .map(([key, inner]) => [key, walk(inner)]),
    );
  };
  return walk(value) as T;
}

test("the same item gives the same bytes, and the version is their hash", () => {
  for (const item of everything) {
    const [first, second] = [encode(item), encode(copied(item))];
    assert.deepEqual(first, second);
    assert.equal(first.version, createHash("sha256").update(first.value).digest().toString("base64url", 0, 12));
  }
});

test("a resource names what Envoy will ask for because of it, and the proxy has it", () => {
  for (const golden of goldenCases()) {
    const { items } = compileCase(golden);
    const there = new Set(items.map(({ type, name }) => `${type} ${name}`));
    for (const { asksFor } of items.map(encode)) {
      for (const { type, name } of asksFor) assert.ok(there.has(`${type} ${name}`), `${golden.name}: ${type} ${name}`);
    }
  }
});

test("a route table joined from its virtual hosts is the one encoded whole", () => {
  const tables = everything.filter((item): item is Item & { type: "route" } => item.type === "route");
  for (const item of tables) {
    const message = fromBinary(RouteConfigurationSchema, encode(item).value);
    assert.equal(message.name, item.name);
    assert.deepEqual(
      message.virtualHosts.map(({ name, domains }) => ({ name, domains })),
      item.virtualHosts.map(({ name, domains }) => ({ name, domains: [...domains] })),
    );
    assert.deepEqual(message, create(RouteConfigurationSchema, message));
  }
});

test("names are literal in an expression", () => {
  const name = "a.b*c+(d)[e]{f}|g^$?\\h/i-j";
  assert.ok(new RegExp(`^${literal(name)}$`).test(name));
  assert.ok(!new RegExp(`^${literal("a.b")}$`).test("axb"));
});
