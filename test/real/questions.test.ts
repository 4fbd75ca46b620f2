import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { NoRespondersError, PermissionViolationError } from "@nats-io/transport-node";
import { systemClock } from "../../src/platform/clock.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { Deadline } from "../../src/store/deadline.ts";
import { Connection, type Session } from "../../src/store/jetstream/connection.ts";
import { forbiddenSubject, Nats, weftAccount } from "../support/nats.ts";

const long = 60_000;
let nats: Nats;
let connection: Connection;
let session: Session;

before(async () => {
  nats = await Nats.start();
  const ports = { clock: systemClock, random: systemRandom, logger: silentLogger };
  connection = new Connection({ ...ports, ...weftAccount, servers: nats.servers, name: "questions" });
  session = await connection.session(new AbortController());
});

after(async () => {
  await connection.close();
  await nats.stop();
});

function ask(subject: string, until: Deadline, text = ""): Promise<string> {
  const answered = session.questions.ask(subject, new TextEncoder().encode(text), until);
  return answered.then((message) => message.string()).finally(() => until.clear());
}

const within = (ms: number): Deadline => new Deadline(systemClock, ms, "ask a question");

test("each of many questions gets its own answer", async () => {
  session.nats.subscribe("echo", { callback: (_, message) => void message.respond(message.data) });
  const texts = Array.from({ length: 100 }, (_, n) => `question ${n}`);
  assert.deepEqual(await Promise.all(texts.map((text) => ask("echo", within(long), text))), texts);
});

test("an empty answer is an answer", async () => {
  session.nats.subscribe("quiet", { callback: (_, message) => void message.respond() });
  assert.equal(await ask("quiet", within(long)), "");
});

test("a question that nobody listens to fails as such, at once", async () => {
  await assert.rejects(ask("nobody", within(long)), NoRespondersError);
});

test("a question ends with its time, and with its caller's patience", async () => {
  session.nats.subscribe("silent", { callback: () => {} });
  await assert.rejects(ask("silent", within(20)), { code: "timeout" });
  const caller = new AbortController();
  const asked = ask("silent", new Deadline(systemClock, long, "ask", caller.signal));
  caller.abort(new Error("enough"));
  await assert.rejects(asked, { message: "enough" });
  const late = new Deadline(systemClock, long, "ask", caller.signal);
  await assert.rejects(ask("silent", late), { message: "enough" });
});

test("what the server does not allow to be asked is refused", async () => {
  await assert.rejects(ask(forbiddenSubject, within(long)), PermissionViolationError);
});

test("the end of the connection ends every question, those that come after it too", async () => {
  const open = [ask("silent", within(long)), ask("silent", within(long))];
  const ended = open.map((one) => assert.rejects(one, { code: "unavailable" }));
  await nats.kill();
  await Promise.all(ended);
  await assert.rejects(ask("silent", within(long)), { code: "unavailable" });
});
