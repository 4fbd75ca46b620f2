/**
 * Those who write and read through any node, and hold the cluster to what it told them. A caller that hears nothing, or
 * `unknown`, asks again elsewhere under the same operation; when it gives up, it knows nothing and claims nothing.
 */
import { sleep } from "../../src/platform/clock.ts";
import { integerIn, type Random } from "../../src/platform/random.ts";
import { type OperationId, type RecordKey, revisionOf } from "../../src/store/store.ts";
import { type LedgerRequest, ledgerKey } from "./kinds.ts";
import { pairKey, type SimNode } from "./node.ts";
import type { Reply } from "./outside.ts";
import type { World } from "./world.ts";

const ledgers = 5;
const pairs = 4;
const tries = 5;
const patienceMs = 3_000;

export class Caller {
  readonly #name: string;
  readonly #world: World;
  readonly #random: Random;
  #count = 0;

  constructor(name: string, world: World, random: Random) {
    this.#name = name;
    this.#world = world;
    this.#random = random;
  }

  async live(untilMs: number): Promise<void> {
    const { time } = this.#world;
    while (time.elapsedMs < untilMs) {
      await sleep(time, 100 + this.#random.unit() * 900);
      await this.#act();
    }
  }

  /** Writes once to every ledger, all at once: each must be answered. */
  async writeToAll(times: number): Promise<number> {
    const asked = Array.from({ length: ledgers * times }, (_, at) => this.#note(`l${at % ledgers}`));
    return (await Promise.all(asked)).filter((done) => !done).length;
  }

  /** Writes to one ledger, one after the other, as fast as it goes. */
  async press(id: string, untilMs: number): Promise<void> {
    const { time } = this.#world;
    while (time.elapsedMs < untilMs) {
      await sleep(time, 30 + this.#random.unit() * 120);
      await this.#note(id);
    }
  }

  /** Sixty writes to one ledger, spread over `forMs`. */
  async crowd(id: string, forMs: number): Promise<void> {
    const { time } = this.#world;
    const one = async (): Promise<void> => {
      await sleep(time, this.#random.unit() * forMs);
      await this.#note(id);
    };
    await Promise.all(Array.from({ length: 60 }, one));
  }

  async #act(): Promise<void> {
    const dice = this.#random.unit();
    const id = `l${integerIn(this.#random, 0, ledgers)}`;
    if (dice < 0.4) await this.#note(id);
    else if (dice < 0.5) await this.#read(id);
    else if (dice < 0.75) await this.#ring(id);
    else await this.#apply(`p${integerIn(this.#random, 0, pairs)}`, dice > 0.95);
  }

  #tag(): string {
    return `${this.#name}.${++this.#count}`;
  }

  #note(id: string): Promise<boolean> {
    const tag = this.#tag();
    return this.#write(ledgerKey(id), tag, id, { type: "note", tag });
  }

  async #ring(id: string): Promise<void> {
    const tag = this.#tag();
    const inMs = integerIn(this.#random, 0, 9_000);
    await this.#write(ledgerKey(id), `set ${tag}`, id, { type: "ring", tag, inMs });
  }

  /** @returns whether it was acknowledged. */
  async #write(key: RecordKey, tag: string, id: string, request: LedgerRequest): Promise<boolean> {
    const { plant, outside, checker, trace } = this.#world;
    let open = false;
    for (let attempt = 0; attempt < tries; attempt++) {
      const operation = `${this.#name}-${tag}${plant.newOperationEachTry ? `-${attempt}` : ""}` as OperationId;
      const node = this.#world.anyNode(this.#random);
      const reply = await outside.call(node, patienceMs, () => node.ask(id, request, operation));
      trace.note(`${this.#name} ${tag} ${node.name} ${said(reply)}`);
      if (reply.kind === "answer") {
        checker.acknowledged(key, tag);
        return true;
      }
      // Once one attempt is open, a later refusal says nothing about that one.
      open ||= reply.kind === "silence" || reply.told === "unknown-outcome";
      await sleep(this.#world.time, 100 + this.#random.unit() * 200);
    }
    if (!open) checker.refused(key, tag);
    return false;
  }

  async #read(id: string): Promise<void> {
    const { outside, checker, trace } = this.#world;
    const key = ledgerKey(id);
    const atLeast = checker.entriesOf(key);
    const node = this.#world.anyNode(this.#random);
    const operation = `${this.#name}-${this.#tag()}` as OperationId;
    const reply = await outside.call(node, patienceMs, () => node.ask(id, { type: "read" }, operation));
    trace.note(`${this.#name} read ${id} ${node.name} ${said(reply)}`);
    if (reply.kind === "answer") checker.read(key, atLeast, reply.value.entries);
  }

  async #apply(name: string, deletes: boolean): Promise<void> {
    const { outside, checker, trace, server } = this.#world;
    const tag = deletes ? undefined : this.#tag();
    const node = this.#world.anyNode(this.#random);
    const { incarnation } = server.stream("records");
    const reply = await outside.call(node, patienceMs * 5, () => node.applyPair(name, tag));
    trace.note(`${this.#name} apply ${name} ${tag} ${node.name} ${said(reply)}`);
    const key = pairKey(name, "a");
    if (tag !== undefined && reply.kind === "answer") checker.acknowledged(key, tag);
    if (tag !== undefined && reply.kind === "error" && notDone.has(reply.told)) checker.refused(key, tag);
    if (reply.kind === "answer") await this.#readBack(key, name, revisionOf(incarnation, reply.value));
  }

  /** Any node that answers a read at a revision has it. */
  async #readBack(key: RecordKey, name: string, revision: ReturnType<typeof revisionOf>): Promise<void> {
    const { outside, checker, server } = this.#world;
    const node: SimNode = this.#world.anyNode(this.#random);
    const sequence = Number(revision.split("-").at(-1));
    const reply = await outside.call(node, patienceMs, async () => {
      const value = await node.readPair(name, revision);
      return { value, position: node.running.replica.position().records };
    });
    if (reply.kind !== "answer") return;
    const { incarnation } = server.stream("records");
    if (!revision.startsWith(incarnation)) return;
    const { position } = reply.value;
    checker.require(
      position >= sequence,
      () => `${key}: ${node.name} answered at ${position}, not at least ${sequence}`,
    );
  }
}

/** What the API tells its callers as certain: a conflict, and a limit. */
const notDone: ReadonlySet<string> = new Set(["conflict", "too-large"]);

function said(reply: Reply<unknown>): string {
  if (reply.kind === "error") return `${reply.told}: ${reply.because}`;
  return reply.kind === "answer" ? "done" : "silence";
}
