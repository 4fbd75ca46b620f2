// From messages back to appends, whole, whatever was overwritten before it could be passed.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Frame, type FramedMessage, Framer } from "../../src/store/framing.ts";
import type { RecordKey } from "../../src/store/store.ts";

/** A stream that keeps one message a key, as JetStream does. */
class Stream {
  readonly messages = new Map<string, FramedMessage>();
  last = 0;

  append(keys: readonly string[]): void {
    const append = `append-${this.last}`;
    for (const [at, key] of keys.entries()) {
      const place = { append, index: at + 1, count: keys.length };
      const message = { key: key as RecordKey, sequence: ++this.last, payload: new Uint8Array() };
      this.messages.set(key, keys.length > 1 ? { ...message, place } : message);
    }
  }

  after(sequence: number): FramedMessage[] {
    return [...this.messages.values()]
      .filter((each) => each.sequence > sequence)
      .sort((a, b) => a.sequence - b.sequence);
  }
}

const shape = (frames: readonly Frame[]): unknown => frames.map(({ messages }) => messages.map(({ key }) => key));

test("single messages and whole batches are given out as they end", () => {
  const stream = new Stream();
  stream.append(["a"]);
  stream.append(["b", "c"]);
  stream.append(["d"]);
  const framer = new Framer(0, true);
  const frames = stream.after(0).map((message) => shape(framer.push(message)));
  assert.deepEqual(frames, [[["a"]], [], [["b", "c"]], [["d"]]]);
});

test("a batch whose last message is gone ends where the next append begins", () => {
  const stream = new Stream();
  stream.append(["a", "b"]);
  stream.append(["b"]);
  const framer = new Framer(0, false);
  assert.deepEqual(shape(stream.after(0).flatMap((message) => framer.push(message))), [["a"], ["b"]]);
});

test("what follows a gap is held until the barrier, then given out as one", () => {
  const stream = new Stream();
  stream.append(["x", "y"]);
  stream.append(["x"]);
  const framer = new Framer(0, true);
  const [y, x] = stream.after(0);
  assert.ok(x && y);
  assert.deepEqual(framer.push(y), []);
  const question = framer.question;
  assert.ok(question !== undefined);
  assert.deepEqual(framer.barrier(3, question), []);
  assert.deepEqual(shape(framer.push(x)), [["y", "x"]]);
  assert.equal(framer.question, undefined);
});

test("an answer to a question asked before a newer gap does not count", () => {
  const message = (key: string, sequence: number): FramedMessage => ({
    key: key as RecordKey,
    sequence,
    payload: new Uint8Array(),
  });
  const framer = new Framer(0, true);
  framer.push(message("a", 2));
  const first = framer.question;
  framer.push(message("b", 4));
  assert.ok(first !== undefined && framer.question !== undefined && framer.question !== first);
  assert.deepEqual(framer.barrier(4, first), []);
  assert.deepEqual(shape(framer.barrier(4, framer.question)), [["a", "b"]]);
});

test("property: at the end of every frame, what a reader holds is what the stream held at that sequence", () => {
  const keys = ["a", "b", "c", "d"];
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ append: fc.shuffledSubarray(keys, { minLength: 1 }) }) },
    { weight: 2, arbitrary: fc.constant("deliver" as const) },
    { weight: 1, arbitrary: fc.constant("deliver one" as const) },
    { weight: 2, arbitrary: fc.constant("ask" as const) },
    { weight: 2, arbitrary: fc.constant("answer" as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const stream = new Stream();
      const framer = new Framer(0, true);
      // The stream's own state after each append, by the append's last sequence.
      const history = new Map<number, Map<string, number>>([[0, new Map()]]);
      const held = new Map<string, number>();
      let answer: { last: number; question: number } | undefined;
      const take = (frames: readonly Frame[]): void => {
        for (const frame of frames) {
          for (const { key, sequence } of frame.messages) held.set(key, sequence);
          assert.deepEqual(new Map([...held].sort()), new Map([...(history.get(frame.sequence) ?? [])].sort()));
        }
      };
      const deliver = (most: number): void => {
        for (const message of stream.after(framer.seen).slice(0, most)) take(framer.push(message));
      };
      const ask = (): void => {
        if (framer.question !== undefined) answer = { last: stream.last, question: framer.question };
      };
      const hear = (): void => {
        if (answer) take(framer.barrier(answer.last, answer.question));
        answer = undefined;
      };
      for (const each of steps) {
        if (each === "deliver") deliver(Number.POSITIVE_INFINITY);
        else if (each === "deliver one") deliver(1);
        else if (each === "ask") ask();
        else if (each === "answer") hear();
        else {
          stream.append(each.append);
          history.set(stream.last, new Map([...stream.messages].map(([key, { sequence }]) => [key, sequence])));
        }
      }
      deliver(Number.POSITIVE_INFINITY);
      ask();
      hear();
      assert.equal(framer.passed, stream.last, "left alone, it catches up");
    }),
    { numRuns: 500 },
  );
});

test("property: a first reading of some, however much is written meanwhile, ends with the stream's newest, never torn", () => {
  const append = fc.record({
    keys: fc.uniqueArray(fc.constantFrom("a", "b", "c"), { minLength: 1 }),
    logged: fc.boolean(),
  });
  const appends = fc.array(append, { maxLength: 12 });
  fc.assert(
    fc.property(appends, appends, appends, (before, during, after) => {
      const stream = new Stream();
      let logs = 0;
      const write = (some: typeof before): void => {
        for (const { keys, logged } of some) stream.append(logged ? [...keys, `log.${logs++}`] : keys);
      };
      write(before);
      const until = stream.last;
      const framer = new Framer(0, true);
      const given: Frame[] = [];
      const isWanted = ({ key, sequence }: FramedMessage): boolean => !key.startsWith("log.") && sequence <= until;
      const [first] = stream.after(0).filter(isWanted);
      if (first) given.push(...framer.push(first));
      write(during);
      for (const message of stream.after(first?.sequence ?? 0).filter(isWanted)) given.push(...framer.push(message));
      given.push(...framer.jump(until));
      const { question } = framer;
      if (question !== undefined) given.push(...framer.barrier(stream.last, question));
      write(after);
      for (const message of stream.after(until)) {
        given.push(...framer.push(message));
        const asked = framer.question;
        if (asked !== undefined) given.push(...framer.barrier(stream.last, asked));
      }
      const seen = new Map(
        given.flatMap(({ messages }) => messages.map(({ key, sequence }) => [key as string, sequence])),
      );
      for (const [key, { sequence }] of stream.messages)
        if (!key.startsWith("log.")) assert.equal(seen.get(key), sequence);
      assert.equal(framer.passed, stream.last);
    }),
    { numRuns: 2_000 },
  );
});
