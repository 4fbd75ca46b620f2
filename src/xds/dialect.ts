/**
 * The two forms of ADS on one wire: what a request's bytes mean to a session, and how its responses stand in bytes. A
 * session knows one protocol, the incremental one; the other is translated (state_of_the_world.ts). One dialect serves
 * one stream.
 */
import type { DeltaResponse, FrameEncoder } from "./frame.ts";
import { type DeltaRequest, decodeDeltaRequest } from "./request.ts";

export interface Dialect {
  /** Throws on malformed bytes. undefined: it says nothing new. */
  decode(bytes: Uint8Array): DeltaRequest | undefined;
  /** undefined: there is no way to say it, and the proxy needs not hear it; it counts as acknowledged. */
  encode(response: DeltaResponse, encoder: FrameEncoder): Buffer | undefined;
}

/** It has no state, so one is enough for all streams. */
export const delta: Dialect = {
  decode: decodeDeltaRequest,
  encode: (response, encoder) => encoder.encode(response),
};
