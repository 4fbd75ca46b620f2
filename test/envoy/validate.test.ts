import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { anyPack, DurationSchema } from "@bufbuild/protobuf/wkt";
import { type Cluster_LbPolicy, ClusterSchema } from "#envoy/envoy/config/cluster/v3/cluster_pb.js";
import { HeaderValueSchema } from "#envoy/envoy/config/core/v3/base_pb.js";
import { ClusterLoadAssignmentSchema } from "#envoy/envoy/config/endpoint/v3/endpoint_pb.js";
import { FilterChainSchema } from "#envoy/envoy/config/listener/v3/listener_components_pb.js";
import { ListenerSchema } from "#envoy/envoy/config/listener/v3/listener_pb.js";
import { RBACSchema } from "#envoy/envoy/config/rbac/v3/rbac_pb.js";
import { RouteMatchSchema, VirtualHostSchema } from "#envoy/envoy/config/route/v3/route_components_pb.js";
import { TcpProxySchema } from "#envoy/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { validateMessage } from "../../src/envoy/validate.ts";

test("a name that is too short", () => {
  const found = validateMessage(ClusterSchema, create(ClusterSchema, {}));
  assert.deepEqual(found, [{ path: "name", message: "needs at least 1 characters, has 0" }]);
});

test("a number out of its bounds, wrapped or not", () => {
  const endpoints = [{ priority: 200, lbEndpoints: [{ loadBalancingWeight: 0 }] }];
  const message = create(ClusterLoadAssignmentSchema, { clusterName: "a", endpoints });
  assert.deepEqual(
    validateMessage(ClusterLoadAssignmentSchema, message).map(({ path }) => path),
    ["endpoints[0].lb_endpoints[0].load_balancing_weight", "endpoints[0].priority"],
  );
});

test("a duration that must be more than nothing", () => {
  const message = create(ClusterSchema, { name: "a", connectTimeout: create(DurationSchema, {}) });
  assert.deepEqual(
    validateMessage(ClusterSchema, message).map(({ path }) => path),
    ["connect_timeout"],
  );
});

test("an enum value that nobody defined", () => {
  const message = create(ClusterSchema, { name: "a", lbPolicy: 77 as Cluster_LbPolicy });
  assert.match(validateMessage(ClusterSchema, message)[0]?.message ?? "", /77 is not a value of/);
});

test("a choice that must be made", () => {
  const found = validateMessage(RouteMatchSchema, create(RouteMatchSchema, {}));
  assert.deepEqual(found, [{ path: "path_specifier", message: "one of its fields must be set" }]);
});

test("a required message of a oneof is asked for only where it is chosen", () => {
  const match = create(RouteMatchSchema, { pathSpecifier: { case: "prefix", value: "/" } });
  assert.deepEqual(validateMessage(RouteMatchSchema, match), []);
});

test("items of a list, and how many there must be", () => {
  const message = create(VirtualHostSchema, { name: "a", domains: [""] });
  assert.deepEqual(
    validateMessage(VirtualHostSchema, message).map(({ path }) => path),
    [],
  );
  const none = create(VirtualHostSchema, { name: "a" });
  assert.deepEqual(
    validateMessage(VirtualHostSchema, none).map(({ path }) => path),
    ["domains"],
  );
});

test("values of a map", () => {
  const message = create(RBACSchema, { policies: { "it's": { permissions: [], principals: [] } } });
  assert.deepEqual(
    validateMessage(RBACSchema, message).map(({ path }) => path),
    ['policies["it\'s"].permissions', 'policies["it\'s"].principals'],
  );
});

test("what is inside an Any", () => {
  const value = anyPack(TcpProxySchema, create(TcpProxySchema, {}));
  const filters = [{ name: "tcp", configType: { case: "typedConfig", value } as const }];
  const message = create(ListenerSchema, { filterChains: [create(FilterChainSchema, { filters })] });
  assert.deepEqual(
    validateMessage(ListenerSchema, message).map(({ path }) => path),
    [
      "filter_chains[0].filters[0].typed_config.cluster_specifier",
      "filter_chains[0].filters[0].typed_config.stat_prefix",
    ],
  );
});

test("characters that a header cannot have", () => {
  const message = create(HeaderValueSchema, { key: "x-a\n", value: "b" });
  assert.match(validateMessage(HeaderValueSchema, message)[0]?.message ?? "", /HTTP header/);
});
