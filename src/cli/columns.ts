/** What `get` shows of each kind beside the name. */

export interface Item {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly generation?: number;
    readonly creationTimestamp?: string;
  };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
  /** Of a Secret. */
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
}

export interface Column {
  readonly title: string;
  cell(item: Item, nowMs: number): string;
}

const age: Column = {
  title: "AGE",
  cell: ({ metadata }, nowMs) => printAge(nowMs - Date.parse(metadata.creationTimestamp ?? "")),
};
const generation: Column = { title: "GENERATION", cell: ({ metadata }) => String(metadata.generation ?? "") };
const labels: Column = {
  title: "LABELS",
  cell: ({ metadata }) =>
    Object.entries(metadata.labels ?? {})
      .map(([key, value]) => `${key}=${value}`)
      .join(","),
};

const spec = (title: string, field: string): Column => ({ title, cell: (item) => printValue(item.spec?.[field]) });
const status = (title: string, field: string): Column => ({ title, cell: (item) => printValue(item.status?.[field]) });

const keysOf: Column = { title: "KEYS", cell: ({ data = {} }) => Object.keys(data).join(",") };

const byKind: ReadonlyMap<string, readonly Column[]> = new Map([
  ["VirtualService", [spec("GATEWAYS", "gateways"), spec("HOSTS", "hosts"), age]],
  ["Gateway", [{ title: "HOSTS", cell: hostsServed }, age]],
  ["DestinationRule", [spec("HOST", "host"), age]],
  ["ServiceEntry", [spec("HOSTS", "hosts"), spec("LOCATION", "location"), spec("RESOLUTION", "resolution"), age]],
  ["WorkloadEntry", [spec("ADDRESS", "address"), age]],
  ["CircuitBreaker", [spec("SERVICE", "service"), age]],
  ["TrafficPolicy", [spec("SERVICE", "service"), age]],
  ["FaultInjection", [spec("SERVICE", "service"), age]],
  ["RateLimitPolicy", [spec("SERVICE", "service"), age]],
  ["AuthorizationPolicy", [spec("ACTION", "action"), age]],
  ["PeerAuthentication", [{ title: "MODE", cell: (item) => printValue(modeOf(item)) }, age]],
  ["Secret", [{ title: "TYPE", cell: ({ type = "" }) => type }, keysOf, status("NOT AFTER", "notAfter"), age]],
  ["Service", [status("PORTS", "ports"), status("ENDPOINTS", "endpoints"), status("HEALTHY", "healthy")]],
  ["Workload", [status("ROLE", "role"), status("SERVICE", "service"), status("HOST", "host")]],
]);

export function columnsOf(kind: string | undefined, extent: "usual" | "wide" = "usual"): readonly Column[] {
  const own = byKind.get(kind ?? "") ?? [age];
  if (extent === "usual") return own;
  return own.includes(age) ? [generation, labels] : [labels];
}

function modeOf({ spec: fields }: Item): unknown {
  const mtls = fields?.mtls;
  return typeof mtls === "object" && mtls !== null && "mode" in mtls ? mtls.mode : "";
}

function hostsServed({ spec: fields }: Item): string {
  const servers: readonly unknown[] = Array.isArray(fields?.servers) ? fields.servers : [];
  return servers
    .flatMap((server) => (typeof server === "object" && server !== null && "hosts" in server ? [server.hosts] : []))
    .map(printValue)
    .join(",");
}

function printValue(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return value.map(printValue).join(",");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** 5s, 12m, 3h, 40d. */
export function printAge(ms: number): string {
  if (!Number.isFinite(ms)) return "";
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 2 * 3_600) return `${Math.floor(seconds / 60)}m`;
  return seconds < 2 * 86_400 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`;
}
