/** The text of a Sidecar's `defaultEndpoint`: where the application listens. */
import type { ApplicationAddress } from "../../model/sidecar.ts";

/** Linux has room for 108 bytes, with the one that ends it. */
const socketPathMax = 107;

const hosts: Readonly<Record<string, (port: number) => ApplicationAddress>> = {
  "127.0.0.1": (port) => ({ kind: "loopback", version: 4, port }),
  "[::1]": (port) => ({ kind: "loopback", version: 6, port }),
  "0.0.0.0": (port) => ({ kind: "instance", port }),
  "[::]": (port) => ({ kind: "instance", port }),
};

/** undefined: it is none. */
export function applicationAddressOf(text: string): ApplicationAddress | undefined {
  const [, path] = /^unix:\/\/(\/[\x21-\x7e]+)$/.exec(text) ?? [];
  if (path !== undefined) return path.length <= socketPathMax ? { kind: "socket", path } : undefined;
  const [, host = "", digits] = /^(127\.0\.0\.1|\[::1\]|0\.0\.0\.0|\[::\]):([1-9][0-9]{0,4})$/.exec(text) ?? [];
  const port = Number(digits);
  return port <= 65_535 ? hosts[host]?.(port) : undefined;
}
