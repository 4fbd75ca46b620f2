import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeName } from "../../src/actors/runtime/placement.ts";
import type { Answer } from "../../src/actors/runtime/transport.ts";
import type { Distribution, StreamPosition } from "../../src/api/ports.ts";
import { Others } from "../../src/meshd/cluster/others.ts";
import { MeshProxies } from "../../src/meshd/mesh_proxies.ts";
import type { NodeProxies } from "../../src/meshd/proxies.ts";
import type { WorkloadName } from "../../src/model/names.ts";
import { limits } from "../../src/platform/limits.ts";
import { ManualClock, settled } from "../support/manual_clock.ts";

type Answerer = (question: unknown) => Promise<Answer>;
const position: StreamPosition = { records: 7, endpoints: 3 };

/** Nodes that answer each other in memory; one may fall silent, or be gone. */
class TestMesh {
  readonly clock = new ManualClock();
  readonly gone = new Set<string>();
  readonly silent = new Set<string>();
  readonly #answerers = new Map<string, Answerer>();
  readonly #changed = new Set<() => void>();
  readonly #names: readonly string[];
  incarnations = { records: "r", endpoints: "e" };

  constructor(...names: readonly string[]) {
    this.#names = names;
  }

  /** @param wait what this node says of its own proxies. */
  node(name: string, proxies: readonly string[], wait: (signal: AbortSignal) => Promise<Distribution>): MeshProxies {
    const others = new Others({
      membership: {
        others: () => this.#names.filter((one) => one !== name && !this.gone.has(one)) as NodeName[],
        isGone: (node) => this.gone.has(node),
        onChange: (listener) => {
          this.#changed.add(listener);
          return () => this.#changed.delete(listener);
        },
      },
      network: {
        answer: (topic, answerer) => void this.#answerers.set(`${name} ${topic}`, answerer),
        ask: async (node, topic, question, timeoutMs) => {
          const answerer = this.#answerers.get(`${node} ${topic}`);
          if (answerer && !this.silent.has(node)) return answerer(JSON.parse(JSON.stringify(question)));
          return new Promise((resolve) => {
            this.clock.after(timeoutMs, () => resolve({ kind: "unknown", because: "no answer in time" }));
          });
        },
      },
    });
    const own: Pick<NodeProxies, "connected" | "waitDistributed" | "config"> = {
      connected: () => proxies.map((proxy) => ({ proxy, meshd: name, connected: true, types: {}, revision: "r-7" })),
      waitDistributed: (_position, signal) => wait(signal),
      config: () => undefined,
    };
    const incarnations = this.incarnations;
    const registered = () => ["p.default", "q.default", "r.default"] as WorkloadName[];
    // The rest of NodeProxies is private.
    return new MeshProxies({
      own: own as NodeProxies,
      others,
      registered,
      incarnations: () => incarnations,
      clock: this.clock,
    });
  }

  remove(name: string): void {
    this.gone.add(name);
    for (const listener of this.#changed) listener();
  }
}

const done = async (): Promise<Distribution> => ({ kind: "distributed", proxies: 1 });
const never = (signal: AbortSignal): Promise<Distribution> =>
  new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve({ kind: "pending", proxies: ["slow.default"] })),
  );

async function outcome(mesh: TestMesh, waiting: Promise<Distribution>, forMs: number): Promise<Distribution | "open"> {
  let got: Distribution | "open" = "open";
  void waiting.then((answer) => {
    got = answer;
  });
  await mesh.clock.advance(forMs);
  await settled();
  return got;
}

test("the proxies of all nodes in one list; who is connected to none is in it too", async () => {
  const mesh = new TestMesh("a", "b", "c");
  const [asked] = [mesh.node("a", ["p.default"], done), mesh.node("b", ["q.default"], done), mesh.node("c", [], done)];
  const { proxies, silent } = await asked.status();
  assert.deepEqual(
    proxies.map(({ proxy, meshd, connected }) => [proxy, meshd, connected]),
    [
      ["p.default", "a", true],
      ["q.default", "b", true],
      ["r.default", "", false],
    ],
  );
  assert.deepEqual(silent, []);
});

test("more proxies than a page holds come in several", async () => {
  const mesh = new TestMesh("a", "b");
  const many = Array.from({ length: 2 * limits.proxiesPerPage + 1 }, (_, index) => `n${index}.default`);
  const asked = mesh.node("a", [], done);
  mesh.node("b", many, done);
  const { proxies } = await asked.status();
  assert.equal(proxies.filter(({ connected }) => connected).length, many.length);
});

test("a node that does not answer is named", async () => {
  const mesh = new TestMesh("a", "b");
  const asked = mesh.node("a", ["p.default"], done);
  mesh.node("b", ["q.default"], done);
  mesh.silent.add("b");
  const status = asked.status();
  await mesh.clock.advance(limits.nodeAnswerMs + 1);
  assert.deepEqual((await status).silent, ["b"]);
});

test("a wait is done when every node says so, and counts everybody's proxies", async () => {
  const mesh = new TestMesh("a", "b", "c");
  const [asked] = [mesh.node("a", [], done), mesh.node("b", [], done), mesh.node("c", [], done)];
  assert.deepEqual(await asked.waitDistributed(position, new AbortController().signal), {
    kind: "distributed",
    proxies: 3,
  });
});

test("a wait stays open for a node that does not answer, names it, and ends with it when it is gone", async () => {
  const mesh = new TestMesh("a", "b");
  const asked = mesh.node("a", [], done);
  mesh.node("b", [], done);
  mesh.silent.add("b");
  const ending = new AbortController();
  const first = asked.waitDistributed(position, ending.signal);
  assert.equal(await outcome(mesh, first, 20_000), "open");
  ending.abort();
  const pending = await outcome(mesh, first, 0);
  assert.ok(pending !== "open" && pending.kind === "pending");
  assert.match(pending.proxies.join(), /^node b /);

  const second = asked.waitDistributed(position, new AbortController().signal);
  assert.equal(await outcome(mesh, second, 500), "open");
  mesh.remove("b");
  assert.deepEqual(await outcome(mesh, second, 200), { kind: "distributed", proxies: 1 });
});

test("a wait says which proxies of other nodes it waits for; a refusal anywhere ends it", async () => {
  const mesh = new TestMesh("a", "b", "c");
  const asked = mesh.node("a", [], done);
  let refuse = false;
  const refused: Distribution = { kind: "refused", refusals: [{ proxy: "x.default", type: "lds", message: "no" }] };
  mesh.node("b", [], never);
  mesh.node("c", [], async (signal) => (refuse ? refused : never(signal)));
  const ending = new AbortController();
  const waiting = asked.waitDistributed(position, ending.signal);
  assert.equal(await outcome(mesh, waiting, 500), "open");
  ending.abort();
  const pending = await outcome(mesh, waiting, 0);
  assert.deepEqual(pending, { kind: "pending", proxies: ["slow.default", "slow.default"] });
  refuse = true;
  const again = asked.waitDistributed(position, new AbortController().signal);
  assert.deepEqual(await outcome(mesh, again, 3_000), refused);
});

test("a node that sees another store has nothing of this position", async () => {
  const mesh = new TestMesh("a", "b");
  const asked = mesh.node("a", [], done);
  mesh.incarnations = { records: "restored", endpoints: "e" };
  mesh.node("b", [], done);
  const ending = new AbortController();
  const waiting = asked.waitDistributed(position, ending.signal);
  assert.equal(await outcome(mesh, waiting, 5_000), "open");
  ending.abort();
  assert.deepEqual(await outcome(mesh, waiting, 0), { kind: "pending", proxies: ["node b"] });
});
