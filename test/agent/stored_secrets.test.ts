/** Stored Secrets at the agent: fetched when asked for, again when there is another version, and given up when gone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { StoredSecrets } from "../../src/agent/sds/stored_secrets.ts";
import type { StoredSecretReply } from "../../src/certificates/attestation/protocol.ts";
import { silentLogger } from "../../src/platform/log.ts";

const [name, roots] = ["secret-cert:web", "secret-root:web"];
const pair = (version: string): StoredSecretReply => ({ version, keyPair: { chain: `chain ${version}`, key: "key" } });

function opened() {
  const asked = new Set<string>();
  const replies = new Map<string, StoredSecretReply>();
  const done: string[] = [];
  const lacking: string[] = [];
  const stored: StoredSecrets = new StoredSecrets({
    log: silentLogger,
    asked: () => asked,
    async fetch(of) {
      done.push(`fetch ${of}`);
      const reply = replies.get(of);
      if (!reply) throw new Error("there is none");
      return reply;
    },
    offer: (secret) => done.push(`offer ${secret.name}`),
    withdraw: (of) => done.push(`withdraw ${of}`),
    lacking: () => lacking.push([name, roots].filter((of) => stored.lacks(of)).join()),
  });
  const happened = async (): Promise<readonly string[]> => {
    await turn();
    return done.splice(0);
  };
  return { asked, replies, stored, happened, lacking };
}

test("what is asked for is fetched once; another version is fetched, the same is not", async () => {
  const { asked, replies, stored, happened } = opened();
  asked.add("default").add(name);
  replies.set(name, pair("1"));
  stored.look();
  stored.look();
  assert.deepEqual(await happened(), [`fetch ${name}`, `offer ${name}`]);
  stored.versions({ [name]: "1", [roots]: "1" });
  assert.deepEqual(await happened(), [], "nobody asks for the other");
  replies.set(name, pair("2"));
  stored.versions({ [name]: "2" });
  assert.deepEqual(await happened(), [`fetch ${name}`, `offer ${name}`]);
});

test("what is missing is fetched when a heartbeat says that it has come; what has gone is given up", async () => {
  const { asked, replies, stored, happened, lacking } = opened();
  asked.add(roots);
  stored.look();
  assert.deepEqual(await happened(), [`fetch ${roots}`]);
  assert.deepEqual(lacking, [roots]);
  stored.versions({});
  assert.deepEqual(await happened(), []);
  replies.set(roots, { version: "1", authorities: "roots" });
  stored.versions({ [roots]: "1" });
  assert.deepEqual(await happened(), [`fetch ${roots}`, `offer ${roots}`]);
  assert.deepEqual([stored.lacks(roots), stored.versionOf(roots)], [false, "1"]);
  stored.versions({});
  assert.deepEqual(await happened(), [`withdraw ${roots}`]);
  assert.deepEqual([stored.lacks(roots), stored.versionOf(roots)], [true, undefined]);
  assert.deepEqual(lacking, [roots, roots]);
});

test("after the end nothing is offered", async () => {
  const { asked, replies, stored, happened } = opened();
  asked.add(name);
  replies.set(name, pair("1"));
  stored.look();
  stored.close();
  assert.deepEqual(await happened(), [`fetch ${name}`]);
});
