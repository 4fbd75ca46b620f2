/** What the xDS room tells telemetry and the log; plain numbers, given out as things happen. */
import type { Position } from "../compile/layer.ts";
import type { ResourceType } from "../envoy/resource.ts";

export interface XdsObserver {
  /** A proxy's stream was taken (+1) or ended (-1). */
  streams(change: 1 | -1): void;
  pushed(type: ResourceType | "other", bytes: number): void;
  /** A response was acknowledged `ms` after it was handed to the stream. @param sinceMs since the change that it brought. */
  acknowledged(type: ResourceType, ms: number, sinceMs: number | undefined): void;
  refused(refused: RefusedResponse): void;
  /** A stream was turned away or ended by us. */
  ended(proxy: string, code: EndCode, because: string): void;
}

export interface RefusedResponse {
  readonly proxy: string;
  readonly type: ResourceType;
  /** The resources of the response; when it is one, that one is now withheld from this proxy. */
  readonly names: readonly string[];
  readonly because: string;
  readonly withheld: boolean;
  /** When the version that is now withheld came to be; absent of a proxy that has taken nothing of the type yet. */
  readonly since?: Position;
}

export type EndCode =
  | "unauthenticated"
  | "permission-denied"
  | "invalid-argument"
  | "resource-exhausted"
  | "unavailable"
  | "internal";

export const silentObserver: XdsObserver = {
  streams: () => {},
  pushed: () => {},
  acknowledged: () => {},
  refused: () => {},
  ended: () => {},
};
