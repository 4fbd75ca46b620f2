// The rooms of src/ and what each may import besides platform/ and itself. This table and docs/architecture.md say the same;
// change them together, and only with a reason that belongs there.

/** A whole room; a room or one file of it, for its types only; or a room for one importing file only. */
export type Allowed = string | { readonly typesOf: string } | { readonly room: string; readonly onlyFrom: string };

/** The generated protobuf types, imported as `#envoy/…`. */
export const generated = "#envoy";

const everything = "everything";

export const rooms: Readonly<Record<string, readonly Allowed[] | typeof everything>> = {
  platform: [],
  model: [],
  resources: ["model"],
  store: ["model"],
  sources: ["resources", "model", "store"],
  actors: ["model", "store", "certificates", "federation"],
  compile: ["model"],
  envoy: ["model", { typesOf: "compile" }, generated],
  xds: ["model", { typesOf: "envoy/resource.ts" }, { typesOf: "compile/layer.ts" }, generated],
  workers: ["compile", "envoy", "certificates", "model"],
  certificates: ["model"],
  federation: ["model", "certificates"],
  agent: ["certificates", "model", generated],
  telemetry: ["model"],
  providers: ["resources", "model"],
  api: ["model", "resources", "store", { typesOf: "telemetry" }, { typesOf: "certificates" }],
  cli: [
    "model",
    "resources",
    { room: "compile", onlyFrom: "cli/commands/compile.ts" },
    { room: "compile", onlyFrom: "cli/commands/why.ts" },
    { room: "envoy", onlyFrom: "cli/commands/compile.ts" },
  ],
  client: ["model", "resources"],
  dashboard: [],
  demo: [],
  meshd: everything,
};

/** Time, chance and timers, as code spells them. Only platform/ may; everyone else gets a clock or a random source handed in. */
export const platformOnly: readonly { readonly token: RegExp; readonly use: string; readonly exceptIn?: string }[] = [
  { token: /\bDate\.now\b/, use: "the clock" },
  { token: /\bnew Date\(\s*\)/, use: "the clock" },
  { token: /\bperformance\.now\b/, use: "the clock" },
  { token: /\bprocess\.hrtime\b/, use: "the clock" },
  { token: /\bset(?:Timeout|Interval)\b/, use: "the clock's timers" },
  { token: /\bAbortSignal\.timeout\b/, use: "the clock's timers" },
  { token: /\bMath\.random\b/, use: "the random source" },
  {
    token: /\b(?:randomUUID|randomBytes|randomInt|getRandomValues)\b/,
    use: "the random source",
    exceptIn: "certificates",
  },
];

export const platformOnlyModules = /^node:timers(\/|$)/;

/** Names that say nothing about what is inside. */
export const emptyNames = new Set(["util", "utils", "helper", "helpers", "manager", "managers", "common", "misc"]);

/** A longer file has more than one idea in it. */
export const maxLines = 400;
