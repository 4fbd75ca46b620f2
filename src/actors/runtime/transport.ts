/**
 * How a request reaches the node that owns its actor. Over NATS request/reply between nodes; here the port and what
 * passes. Everything is plain JSON data; the receiver decodes it.
 */
import type { ErrorCode, Retry } from "../../platform/error.ts";
import type { OperationId } from "../../store/store.ts";
import type { Address } from "./kind.ts";
import type { NodeName } from "./placement.ts";

export interface ActorRequest {
  readonly address: Address;
  /** The same for every attempt at one request. */
  readonly operation: OperationId;
  readonly payload: unknown;
}

export type Answer =
  | { readonly kind: "reply"; readonly payload: unknown }
  /** Certainly not applied. `elsewhere`: this node does not own it, or is leaving. */
  | { readonly kind: "refused"; readonly code: ErrorCode; readonly retry: Retry; readonly because: string }
  /** It may have been applied, or may be yet; asking again under the same operation closes it. */
  | { readonly kind: "unknown"; readonly because: string };

export type RequestHandler = (request: ActorRequest) => Promise<Answer>;

export interface Transport {
  /** The one handler of what other nodes send here. */
  serve(handler: RequestHandler): void;
  /** Never rejects: a node that is gone, or is silent for `timeoutMs`, is `unknown`. */
  request(node: NodeName, request: ActorRequest, timeoutMs: number): Promise<Answer>;
}
