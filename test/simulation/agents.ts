/**
 * A host's agent with its proxies, thin: one stream to one node, over which states come; a set of endpoints that it says
 * again until it is acknowledged. When the stream is silent it goes to the next node, says what its proxies hold, and
 * goes on trying; meanwhile the proxies keep what they have.
 */
import { sleep, type Timer } from "../../src/platform/clock.ts";
import { integerIn, type Random } from "../../src/platform/random.ts";
import type { Sequence } from "../../src/store/store.ts";
import type { SimNode } from "./node.ts";
import type { World } from "./world.ts";

const beatMs = 500;
/** A stream that is silent for this long is no more. */
const silentMs = 1_600;
const connectMs = 1_000;
/** Chance, at each look, that a stream ends for reasons of its own. */
const restless = 0.01;

interface Stream {
  readonly node: SimNode;
  open: boolean;
  heardMs: number;
}

export class SimAgent {
  readonly name: string;
  /** What its proxies hold. */
  held: { position: Sequence; digest: string } = { position: 0, digest: "" };
  moves = 0;
  version = 0;
  acked = 0;
  readonly #world: World;
  readonly #random: Random;
  #home: number;
  #stream: Stream | undefined;

  constructor(name: string, world: World, random: Random) {
    this.name = name;
    this.#world = world;
    this.#random = random;
    this.#home = integerIn(random, 0, world.nodes.length);
  }

  get served(): boolean {
    return this.#stream?.open === true;
  }

  /** @param untilMs when it says its last set. */
  start(untilMs: number): void {
    void this.#keepStream();
    void this.#saySets(untilMs);
  }

  async #keepStream(): Promise<void> {
    const { time } = this.#world;
    for (;;) {
      if (!this.#stream) await this.#connect();
      await sleep(time, 100 + this.#random.unit() * 100);
      const stream = this.#stream;
      const silent = stream && time.elapsedMs - stream.heardMs > silentMs;
      if (stream && (silent || (this.#random.unit() < restless && !this.#world.healed))) this.#leave(stream);
    }
  }

  #leave(stream: Stream): void {
    stream.open = false;
    this.#stream = undefined;
    this.#home = (this.#home + 1) % this.#world.nodes.length;
    this.moves++;
    this.#world.trace.note(`${this.name} leaves ${stream.node.name}`);
  }

  async #connect(): Promise<void> {
    const { outside, time, nodes } = this.#world;
    const node = nodes[this.#home];
    if (!node) return;
    const stream: Stream = { node, open: true, heardMs: time.elapsedMs };
    const held = this.held.position;
    const reply = await outside.call(node, connectMs, async () => {
      if (!node.admits(held)) return false;
      this.#serve(stream);
      return true;
    });
    if (reply.kind === "answer" && reply.value) {
      stream.heardMs = time.elapsedMs;
      this.#stream = stream;
    } else {
      stream.open = false;
      this.#home = (this.#home + 1) % nodes.length;
    }
  }

  /** The node's side: every state it shows goes out, in order, and a sign of life in between. */
  #serve(stream: Stream): void {
    const { time, random } = this.#world;
    const { process, replica } = stream.node.running;
    let last = time.elapsedMs;
    const push = (): void => {
      const held = { position: replica.position().records, digest: stream.node.digest };
      last = Math.max(last, time.elapsedMs + 0.2 + random.unit() * 5);
      time.after(last - time.elapsedMs, () => this.#receive(stream, held));
    };
    const stop = replica.subscribe(() => {
      if (stream.open) push();
      else end();
    });
    const beat: Timer = process.every(beatMs, () => (stream.open ? push() : end()));
    const end = (): void => {
      stop();
      beat.cancel();
    };
    push();
  }

  #receive(stream: Stream, held: { readonly position: Sequence; readonly digest: string }): void {
    if (!stream.open) return;
    const { time, checker, trace } = this.#world;
    stream.heardMs = time.elapsedMs;
    const before = this.held;
    checker.require(
      held.position >= before.position,
      () => `${this.name} held ${before.position} and was sent ${held.position} by ${stream.node.name}`,
    );
    if (held.position !== before.position) trace.note(`${this.name} holds ${held.position} of ${stream.node.name}`);
    this.held = held;
  }

  async #saySets(untilMs: number): Promise<void> {
    const { time, outside, checker, trace, nodes } = this.#world;
    for (;;) {
      await sleep(time, 300 + this.#random.unit() * 2_500);
      if (time.elapsedMs > untilMs) return;
      const version = ++this.version;
      for (let tries = 0; this.acked < version; tries++) {
        const node = nodes[(this.#home + tries) % nodes.length];
        if (!node) return;
        const reply = await outside.call(node, 3_000, (gone) => node.putSet(this.name, version, gone));
        trace.note(`${this.name} set ${version} ${node.name} ${reply.kind}`);
        if (reply.kind === "answer") this.acked = version;
        else await sleep(time, 200 + this.#random.unit() * 300);
      }
      checker.setAcknowledged(this.name, version);
    }
  }
}
