// What a server's answer to a write means, by its code alone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Msg, NoRespondersError } from "@nats-io/transport-node";
import { answerFrom, answerFromFailure } from "../../src/store/jetstream/answers.ts";

const message = (text: string): Msg => ({ json: () => JSON.parse(text) }) as Msg;
const refused = (code: number, description = "whatever it says"): Msg =>
  message(JSON.stringify({ error: { code: 400, err_code: code, description }, seq: 0 }));

test("an acknowledgement is done; of a batch only if it names all of it", () => {
  assert.deepEqual(answerFrom(message('{"stream":"S","seq":7}'), 1), { kind: "done", sequence: 7 });
  assert.deepEqual(answerFrom(message('{"stream":"S","seq":7,"batch":"b","count":3}'), 3), {
    kind: "done",
    sequence: 7,
  });
  assert.equal(answerFrom(message('{"stream":"S","seq":7,"batch":"b","count":2}'), 3).kind, "unknown");
  for (const text of ["{}", '{"seq":0}', '{"seq":"7"}', "not JSON"]) {
    assert.equal(answerFrom(message(text), 1).kind, "unknown", text);
  }
});

test("a refusal is told by its code; whatever is not certain is unknown", () => {
  const meaning = {
    10071: "conflict",
    10164: "conflict",
    10176: "not-applied",
    10210: "not-applied",
    10054: "too-large",
  };
  for (const [code, kind] of Object.entries(meaning)) assert.equal(answerFrom(refused(Number(code)), 1).kind, kind);
  for (const code of [10077, 10023, 10008, 10118, 503, 0]) {
    assert.equal(answerFrom(refused(code, "wrong last sequence: 5"), 1).kind, "unknown", String(code));
  }
});

test("no answer is unknown", () => {
  for (const cause of [new NoRespondersError("a.subject"), new Error("wrong last sequence"), "closed"]) {
    assert.equal(answerFromFailure(cause).kind, "unknown");
  }
});
