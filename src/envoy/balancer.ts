/** How a cluster chooses among its endpoints → lb_policy and its configuration. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  Cluster_LbPolicy,
  type Cluster_SlowStartConfigSchema,
  type ClusterSchema,
} from "#envoy/envoy/config/cluster/v3/cluster_pb.js";
import type { Balancer } from "../compile/ir.ts";
import type { HashTable, Warmup } from "../model/traffic.ts";
import { duration, type Init } from "./any.ts";

type Balancing = Pick<Init<typeof ClusterSchema>, "lbPolicy" | "lbConfig">;

const simple: Readonly<Record<Exclude<Balancer, HashTable>, Cluster_LbPolicy>> = {
  "round-robin": Cluster_LbPolicy.ROUND_ROBIN,
  "least-request": Cluster_LbPolicy.LEAST_REQUEST,
  random: Cluster_LbPolicy.RANDOM,
};

/** @param warmup of round-robin and least-request alone. */
export function balancing(balancer: Balancer, warmup?: Warmup): Balancing {
  if (typeof balancer === "object") return hashing(balancer);
  return { lbPolicy: simple[balancer], ...(warmup ? warming(balancer, warmup) : {}) };
}

function hashing(table: HashTable): Balancing {
  switch (table.kind) {
    case "ring": {
      const value = table.minimumSize === undefined ? {} : { minimumRingSize: BigInt(table.minimumSize) };
      return { lbPolicy: Cluster_LbPolicy.RING_HASH, lbConfig: { case: "ringHashLbConfig", value } };
    }
    case "maglev": {
      const value = table.size === undefined ? {} : { tableSize: BigInt(table.size) };
      return { lbPolicy: Cluster_LbPolicy.MAGLEV, lbConfig: { case: "maglevLbConfig", value } };
    }
  }
}

const defaultWarmupPercent = 10;

function warming(balancer: Exclude<Balancer, HashTable>, warmup: Warmup): Pick<Balancing, "lbConfig"> {
  const { durationMs, minimumPercent, aggression } = warmup;
  const slowStartConfig: MessageInitShape<typeof Cluster_SlowStartConfigSchema> = {
    slowStartWindow: duration(durationMs),
    minWeightPercent: { value: minimumPercent ?? defaultWarmupPercent },
    ...(aggression === undefined ? {} : { aggression: { defaultValue: aggression, runtimeKey: "warmup.aggression" } }),
  };
  switch (balancer) {
    case "round-robin":
      return { lbConfig: { case: "roundRobinLbConfig", value: { slowStartConfig } } };
    case "least-request":
      return { lbConfig: { case: "leastRequestLbConfig", value: { slowStartConfig } } };
    case "random":
      return {};
  }
}
