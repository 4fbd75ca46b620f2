/** What a port speaks, read from its name the way Istio reads it: `http`, `http-alt`, `grpc-x`, `tcp-echo`. */
export type Protocol = "http" | "http2" | "grpc" | "tcp" | "tls" | "https" | "auto";

const prefixes: ReadonlyMap<string, Protocol> = new Map([
  ["http", "http"],
  ["http2", "http2"],
  ["grpc", "grpc"],
  ["grpc-web", "http"],
  ["tcp", "tcp"],
  ["tls", "tls"],
  ["https", "https"],
  ["mongo", "tcp"],
  ["redis", "tcp"],
  ["mysql", "tcp"],
  ["postgres", "tcp"],
]);

export function protocolOfPortName(name: string): Protocol {
  const lower = name.toLowerCase();
  if (lower === "grpc-web" || lower.startsWith("grpc-web-")) return "http";
  return prefixes.get(lower.split("-")[0] ?? "") ?? "auto";
}

/** A word of the API's `protocol` field ("HTTP", "grpc", "GRPC-Web"). */
export function protocolFrom(word: string): Protocol | undefined {
  const lower = word.toLowerCase();
  return lower === "auto" ? "auto" : prefixes.get(lower);
}

/** Whether requests on such a port can be routed by their path and headers. An undeclared port is taken as HTTP-or-TCP later. */
export function isHttp(protocol: Protocol): boolean {
  return protocol === "http" || protocol === "http2" || protocol === "grpc";
}
