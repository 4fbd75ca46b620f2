/** Bodies arrive as text, whatever their type says; here they become JSON that was checked. */
import type { FastifyRequest } from "fastify";
import type { Decode } from "../platform/decode.ts";
import { WeftError } from "../platform/error.ts";
import { ApiRefusal } from "./problem_details.ts";

export function textBody(request: FastifyRequest): string {
  return typeof request.body === "string" ? request.body : "";
}

/** An empty body counts as {}. */
export function jsonBody<Value>(request: FastifyRequest, decode: Decode<Value>): Value {
  return decodeJson(textBody(request) || "{}", decode);
}

export function decodeJson<Value>(text: string, decode: Decode<Value>): Value {
  try {
    return decode(JSON.parse(text), "body");
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new ApiRefusal("bad-request", `the body is not JSON: ${cause.message}`);
    if (cause instanceof WeftError) throw new ApiRefusal("bad-request", `${cause.attempted}: ${cause.because}`);
    // A parser's stack is finite: JSON nested ten thousand deep.
    if (cause instanceof RangeError) throw new ApiRefusal("bad-request", "the body is nested too deeply");
    throw cause;
  }
}
