// Each role does its work on a real nats-server that is configured as deploy/nats/ is, and is refused everything else.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { NatsBus } from "../../src/actors/nats/bus.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { readSnapshot } from "../../src/store/backup/snapshot.ts";
import { Connection } from "../../src/store/jetstream/connection.ts";
import { inboxPrefix, streamNames } from "../../src/store/jetstream/names.ts";
import { type OpenJetStreamOptions, openJetStreamStore } from "../../src/store/jetstream/open.ts";
import { replaceRecords } from "../../src/store/jetstream/replace.ts";
import { type NatsRole, natsRoles, serverConfiguration } from "../../src/store/jetstream/server_configuration.ts";
import { append, keyOf, logOf, sequenceOf, write } from "../store/store_world.ts";
import { freePort, natsServerPath } from "../support/deployment.ts";

const never = new AbortController().signal;
const ports = { clock: systemClock, random: systemRandom, logger: silentLogger };
const passwords = { meshd: { text: "m" }, restore: { text: "r" }, system: { text: "s" } };
const directory = mkdtempSync(join(tmpdir(), "weft-roles-"));
let url = "";
let stop: () => Promise<void>;

before(async () => {
  const port = await freePort();
  url = `nats://127.0.0.1:${port}`;
  const file = join(directory, "nats.conf");
  const common = { name: "n", cluster: "test", storeDirectory: join(directory, "js"), maxFileStore: "1GB" };
  writeFileSync(file, serverConfiguration({ ...common, listen: `127.0.0.1:${port}`, passwords }));
  const child = spawn(natsServerPath(), ["-c", file], { stdio: ["ignore", "ignore", "pipe"] });
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stderr }).on("line", (line) => line.includes("Server is ready") && resolve());
    child.on("exit", () => reject(new Error("nats-server ended")));
  });
  stop = async () => {
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
    rmSync(directory, { recursive: true, force: true });
  };
});
after(() => stop());

const account = (role: NatsRole) => ({ user: role, pass: passwords[role].text });
const optionsOf = (role: NatsRole): OpenJetStreamOptions => ({
  ...ports,
  ...account(role),
  servers: [url],
  cluster: "test",
  replicas: 1,
  system: account("system"),
});

test("meshd opens the store, which asks the system account, writes, reads, tails; nodes speak to each other", async () => {
  const store = await openJetStreamStore(optionsOf("meshd"));
  sequenceOf(await store.append("records", { ...append(write(keyOf("object", "a"), 1)), log: logOf() }));
  sequenceOf(await store.append("endpoints", append(write(keyOf("endpoints", "a"), 1))));
  assert.equal((await store.read("records", keyOf("object", "a")))?.value, 1);
  assert.equal((await readSnapshot(store, never)).records.length, 2);
  const bus = new NatsBus(new Connection({ ...ports, ...account("meshd"), servers: [url], name: "bus" }), systemClock);
  const heard = new Promise<string>((resolve) =>
    bus.subscribe("weft.test.gossip.words", (data) => resolve(String(data))),
  );
  bus.subscribe("weft.test.node.n1.echo", (data, reply) => reply(data));
  const ask = () => bus.request("weft.test.node.n1.echo", new Uint8Array([7]), 1_000);
  let answer = await ask();
  for (; answer.kind !== "answer"; answer = await ask()) await wait(20);
  assert.deepEqual([...answer.data], [7]);
  bus.publish("weft.test.gossip.words", new Uint8Array([49]));
  assert.equal(await heard, "1");
  await Promise.all([bus.close(), store.close()]);
});

test("restore replaces the records; meshd may not", async () => {
  const store = await openJetStreamStore(optionsOf("meshd"));
  const { records } = await readSnapshot(store, never);
  const replacement = { records, log: logOf() };
  await replaceRecords(optionsOf("restore"), replacement, never);
  await assert.rejects(replaceRecords(optionsOf("meshd"), replacement, never), {
    code: "denied",
    message: /"restore"/,
  });
  await store.close();
});

/** What a role is refused: the operation fails by permission, or its message reaches nobody. */
async function refused(nats: NatsConnection, work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    await nats.flush();
    return false;
  } catch (cause) {
    return /permissions violation/i.test(`${cause} ${cause instanceof Error ? cause.cause : ""}`);
  }
}

test("nobody deletes, purges or reaches what is not his", async () => {
  const stream = streamNames("test").records.stream;
  const writes = {
    meshd: ["weft.other.records.x.a", "elsewhere"],
    restore: ["weft.test.endpoints.x.a", "weft.test.node.n1.x"],
    system: ["weft.test.gossip.x"],
  };
  for (const role of natsRoles) {
    const nats = await connect({ servers: url, ...account(role), inboxPrefix: inboxPrefix(role) });
    const manager = await jetstreamManager(nats, { checkAPI: false, timeout: 2_000 });
    const forbidden: Readonly<Record<string, () => Promise<unknown>>> = {
      delete: () => manager.streams.delete(stream),
      purge: () => manager.streams.purge(stream),
      "other stream": () => manager.streams.add({ name: "OTHER", subjects: ["other.>"] }),
      list: () => manager.streams.names().next(),
      ...Object.fromEntries(
        writes[role].map((subject) => [subject, () => nats.request(subject, "", { timeout: 2_000 })]),
      ),
      ...(role === "meshd" || role === "restore" ? {} : { update: () => manager.streams.update(stream, {}) }),
    };
    for (const [what, work] of Object.entries(forbidden)) {
      assert.ok(await refused(nats, work), `${role} may ${what}`);
    }
    // Neither all, nor what is answered to another role.
    const deaf = natsRoles.filter((other) => other !== role).map((other) => `${inboxPrefix(other)}.>`);
    for (const subject of [">", "_INBOX.>", ...deaf]) {
      const heard = nats.subscribe(subject);
      await assert.rejects(heard[Symbol.asyncIterator]().next(), /permissions violation/i, `${role} hears ${subject}`);
    }
    await nats.close();
  }
  assert.ok(readFileSync(join(directory, "nats.conf"), "utf8").includes("sync_interval: always"));
});
