/**
 * The two forms of ADS on one wire: what a request's bytes mean to a session, and how its responses stand in bytes. A
 * session knows one protocol, the incremental one; the other is translated (state_of_the_world.ts). One dialect serves
 * one stream.
 */
import type { DeltaResponse, FrameEncoder } from "./frame.ts";
import { type DeltaRequest, DeltaRequests } from "./request.ts";

export interface Dialect {
  /** Throws on malformed bytes. undefined: it says nothing new. */
  decode(bytes: Uint8Array): DeltaRequest | undefined;
  /** undefined: there is no way to say it, and the proxy needs not hear it; it counts as acknowledged. */
  encode(response: DeltaResponse, encoder: FrameEncoder): Buffer | undefined;
}

/** It keeps nothing of a stream: one serves many, and the more they are the more they share. */
export class Delta implements Dialect {
  readonly #requests = new DeltaRequests();

  decode(bytes: Uint8Array): DeltaRequest {
    return this.#requests.decode(bytes);
  }

  encode(response: DeltaResponse, encoder: FrameEncoder): Buffer {
    return encoder.encode(response);
  }
}
