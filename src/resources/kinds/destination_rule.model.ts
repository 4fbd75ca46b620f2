/** DestinationRule → model. */
import type { DestinationRule, OutlierDetection, TrafficSettings } from "../../model/traffic.ts";
import { clientTlsOf } from "./client_tls.model.ts";
import { poolOf } from "./connection_pool.model.ts";
import type { DestinationRuleSpec } from "./destination_rule.schema.ts";
import { balancingOf } from "./load_balancer.model.ts";
import { exportToOf, hostOf, type Owner, timesOf } from "./shared.model.ts";

type Policy = NonNullable<DestinationRuleSpec["trafficPolicy"]>;
type Settings = Pick<
  Policy,
  "loadBalancer" | "connectionPool" | "outlierDetection" | "tls" | "retryBudget" | "proxyProtocol"
>;
type Outliers = NonNullable<Policy["outlierDetection"]>;

export function toDestinationRule(spec: DestinationRuleSpec, owner: Owner): DestinationRule {
  return {
    ...owner,
    host: hostOf(spec.host, owner),
    exportTo: exportToOf(spec.exportTo, owner),
    settings: settingsOf(spec.trafficPolicy),
    portSettings: portSettingsOf(spec.trafficPolicy),
    subsets: (spec.subsets ?? []).map(({ name, labels, trafficPolicy }) => ({
      name,
      labels: labels ?? {},
      settings: settingsOf(trafficPolicy),
      portSettings: portSettingsOf(trafficPolicy),
    })),
  };
}

function portSettingsOf(policy: Policy | undefined): Readonly<Record<number, TrafficSettings>> {
  const settings = policy?.portLevelSettings ?? [];
  return Object.fromEntries(settings.map((one) => [one.port.number, settingsOf(one)]));
}

function settingsOf(policy: Settings | undefined): TrafficSettings {
  return {
    ...(policy?.loadBalancer ? balancingOf(policy.loadBalancer) : {}),
    ...(policy?.connectionPool ? { connectionPool: poolOf(policy.connectionPool) } : {}),
    ...(policy?.outlierDetection ? { outlierDetection: outliersOf(policy.outlierDetection) } : {}),
    ...(policy?.retryBudget ? { retryBudget: policy.retryBudget } : {}),
    ...(policy?.proxyProtocol ? { proxyProtocol: policy.proxyProtocol.version === "V2" ? 2 : 1 } : {}),
    ...(policy?.tls ? { tls: clientTlsOf(policy.tls) } : {}),
  };
}

function outliersOf(outliers: Outliers): OutlierDetection {
  const { splitExternalLocalOriginErrors, consecutiveLocalOriginFailures, ...rest } = outliers;
  const { interval, baseEjectionTime, maxEjectionPercent, ...counts } = rest;
  const local = consecutiveLocalOriginFailures ? { consecutiveFailures: consecutiveLocalOriginFailures } : {};
  return {
    ...counts,
    ...(maxEjectionPercent ? { maxEjectionPercent } : {}),
    ...(splitExternalLocalOriginErrors ? { localOrigin: local } : {}),
    ...timesOf({ intervalMs: interval, baseEjectionTimeMs: baseEjectionTime }),
  };
}
