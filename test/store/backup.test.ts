// A backup's file: what was written is read back, and nothing else is.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { KeyDerivation } from "../../src/model/backup.ts";
import { Secret } from "../../src/platform/log.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { type Contents, type KeptRecord, readContents, writeContents } from "../../src/store/backup/contents.ts";
import { openFile, sealFile } from "../../src/store/backup/seal.ts";
import { countKinds, readSnapshot } from "../../src/store/backup/snapshot.ts";
import { MemoryServer } from "../../src/store/memory/server.ts";
import type { RecordKey, Write } from "../../src/store/store.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { append, keyOf, logOf, readBack, sequenceOf, write } from "./store_world.ts";

const random = seededRandom(11);
const key = new Secret(random.bytes(32));
const derivation: KeyDerivation = { from: "key-file", salt: Buffer.from(random.bytes(32)).toString("base64") };

const contentsOf = (records: readonly KeptRecord[]): Contents => ({
  manifest: {
    cluster: "local",
    trustDomain: "cluster.local",
    takenAtMs: 1,
    revision: "abc-9",
    records: records.length,
    kinds: countKinds(records),
    unreadable: [],
  },
  records,
});

const kept = (name: string, value: unknown): KeptRecord => ({ key: keyOf("object", name), value, epoch: 0 });

function sealed(contents: Contents): Buffer {
  return Buffer.concat([...sealFile(writeContents(contents), { derivation, key, random })]);
}

async function* inPieces(file: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < file.length; from += size) yield file.subarray(from, from + size);
}

const opened = (file: Uint8Array, by = key, size = 1_000): Promise<Contents> =>
  readContents(openFile(inPieces(file, size), by));

/** Three chunks and a bit, so that there is a middle to change. */
const large = contentsOf(Array.from({ length: 200 }, (_, n) => kept(`o${n}`, { n, text: "x".repeat(1_000) })));

test("what was written is read back, however it is cut on the way", async () => {
  const record = fc.record(
    {
      key: fc.stringMatching(/^[a-z0-9_-]{1,20}$/).map((name) => keyOf("object", name)),
      value: fc.oneof(
        fc.string(),
        fc.integer(),
        fc.constant(null),
        fc.uint8Array({ maxLength: 100 }),
        // A store keeps numbers as msgpack does, which has one zero.
        fc.array(fc.double({ noNaN: true }).map((double) => (double === 0 ? 0 : double))),
        fc.dictionary(fc.string(), fc.boolean(), { noNullPrototype: true }),
      ),
      epoch: fc.nat(),
      extra: fc.dictionary(fc.stringMatching(/^[a-z]{2,5}$/), fc.nat(), { minKeys: 1, noNullPrototype: true }),
    },
    { requiredKeys: ["key", "value", "epoch"], noNullPrototype: true },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(record, { maxLength: 30 }), fc.integer({ min: 1, max: 5_000 }), async (records, size) => {
      const contents = contentsOf(records);
      assert.deepEqual(await opened(sealed(contents), key, size), contents);
    }),
    { numRuns: 60 },
  );
  assert.deepEqual(await opened(sealed(large)), large);
});

test("a file of nothing, and one whose contents end with a chunk, are files like any other", async () => {
  assert.deepEqual(await opened(sealed(contentsOf([]))), contentsOf([]));
  const exact = [new Uint8Array(64 * 1024), new Uint8Array(64 * 1024)];
  const file = Buffer.concat([...sealFile(exact, { derivation, key, random })]);
  const pieces: Uint8Array[] = [];
  for await (const piece of openFile(inPieces(file, 999), key)) pieces.push(piece);
  assert.deepEqual(Buffer.concat(pieces), Buffer.concat(exact));
});

test("a file that ends anywhere before its end is refused", async () => {
  const file = sealed(large);
  const ends = [0, 5, 14, 100, 250, file.length - 1, file.length - 16, Math.floor(file.length / 2)];
  // Also exactly between two chunks: what is left is whole chunks, each right by itself.
  const header = file.indexOf("\n", file.indexOf("\n") + 1) + 1;
  const chunk = 5 + 64 * 1024 + 16;
  for (const end of [...ends, header, header + chunk, header + 2 * chunk]) {
    await assert.rejects(opened(file.subarray(0, end)), { code: "invalid" }, `cut at ${end}`);
  }
});

test("one bit turned anywhere is refused", async () => {
  const file = sealed(large);
  await fc.assert(
    fc.asyncProperty(fc.nat(file.length - 1), fc.nat(7), async (at, bit) => {
      const changed = Buffer.from(file);
      changed.writeUInt8(changed.readUInt8(at) ^ (1 << bit), at);
      await assert.rejects(opened(changed), ({ code }: { code: string }) => code === "invalid" || code === "denied");
    }),
    { numRuns: 150 },
  );
});

test("chunks in another order, twice, left out, of another file, or more of them are refused", async () => {
  const [file, other] = [sealed(large), sealed(large)];
  const header = file.indexOf("\n", file.indexOf("\n") + 1) + 1;
  const chunk = 5 + 64 * 1024 + 16;
  const cut = (from: Buffer): Buffer[] => [
    from.subarray(0, header),
    from.subarray(header, header + chunk),
    from.subarray(header + chunk, header + 2 * chunk),
    from.subarray(header + 2 * chunk),
  ];
  const [head = file, a = file, b = file, rest = file] = cut(file);
  const [, otherA = file] = cut(other);
  const forged = { swapped: [head, b, a, rest], twice: [head, a, a, b, rest], left: [head, b, rest] };
  for (const [how, parts] of Object.entries({ ...forged, foreign: [head, otherA, b, rest], more: [file, rest] })) {
    await assert.rejects(opened(Buffer.concat(parts)), { code: "invalid" }, how);
  }
});

test("another key is told from a damaged file", async () => {
  const wrong = new Secret(random.bytes(32));
  await assert.rejects(opened(sealed(large), wrong), { code: "denied", message: /this key is not the one/ });
  await assert.rejects(opened(Buffer.from("PK\u0003\u0004 a zip")), { code: "invalid" });
});

test("two files of the same contents under one key share nothing but the key's derivation", () => {
  const [a, b] = [sealed(contentsOf([kept("a", 1)])), sealed(contentsOf([kept("a", 1)]))];
  const tail = (file: Buffer): string => file.subarray(-100).toString("hex");
  assert.notEqual(tail(a), tail(b));
});

test("a snapshot is one moment: what lives, whole appends, without what agents say again", async () => {
  const server = new MemoryServer({ clock: new ManualClock(), random });
  const store = server.open();
  const put = async (...writes: Write[]): Promise<void> => {
    sequenceOf(await store.append("records", { ...append(...writes), log: logOf() }));
  };
  const [a, gone] = [keyOf("object", "a"), keyOf("object", "gone")];
  await put(write(a, "old"), write(gone, 1), write(keyOf("host", "h1"), { publicKey: "k" }));
  await put(write(keyOf("workload", "w"), 1), write(keyOf("token", "t"), 1), write(keyOf("authority", "td"), "sealed"));
  await put(write(a, "new", await readBack(store, a)), write(gone, undefined, await readBack(store, gone)));
  await store.append("records", append({ ...write(keyOf("service", "s"), "owned"), epoch: 7 }));
  server.overwrite("records", "object.broken" as RecordKey, new Uint8Array([0xc1]));
  const { records, revision, unreadable } = await readSnapshot(store, new AbortController().signal);
  assert.deepEqual(countKinds(records), { authority: 1, host: 1, log: 3, object: 1, service: 1 });
  assert.deepEqual(
    records.find((record) => record.key === a),
    { key: a, value: "new", epoch: 0 },
  );
  assert.equal(records.find((record) => record.key === keyOf("service", "s"))?.epoch, 7);
  assert.equal(revision, `${store.incarnation("records")}-${await store.lastSequence("records")}`);
  assert.deepEqual(unreadable, ["object.broken"]);
});
