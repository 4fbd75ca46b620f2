import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerInterceptingCallInterface } from "@grpc/grpc-js";
import { encodeDelta, messageOf } from "../../src/xds/frame.ts";
import { RawCall } from "../../src/xds/raw_call.ts";
import { typeUrls } from "../../src/xds/type_url.ts";

test("where a call's http2 stream cannot be reached, grpc-js frames the message itself", () => {
  const sent: Buffer[] = [];
  const call = {
    sendMessage: (message: Buffer, flushed: () => void) => {
      sent.push(message);
      flushed();
    },
  };
  const frame = encodeDelta({ typeUrl: typeUrls.cluster, nonce: "1", version: "1-1", items: [], removed: ["gone"] });
  let flushed = 0;
  new RawCall(call as unknown as ServerInterceptingCallInterface).write(frame, () => flushed++);
  assert.deepEqual(sent, [messageOf(frame)]);
  assert.equal(flushed, 1);
});

test("a frame is gRPC's: not compressed, the message's length, the message", () => {
  const frame = encodeDelta({ typeUrl: typeUrls.cluster, nonce: "1", version: "1-1", items: [], removed: ["gone"] });
  assert.equal(frame[0], 0);
  assert.equal(frame.readUInt32BE(1), messageOf(frame).length);
  assert.equal(messageOf(frame).length, frame.length - 5);
});
