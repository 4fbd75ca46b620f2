/**
 * The proxies of all nodes, as the API shows them: each node tells of the streams it has. A node that does not answer
 * is named, never passed over: what it serves nobody else knows, until it is known to be gone.
 */
import type { NodeName } from "../actors/runtime/placement.ts";
import type { Distribution, Proxies, ProxyStatus, ProxyStatuses, StreamPosition } from "../api/ports.ts";
import type { WorkloadName } from "../model/names.ts";
import { type Clock, sleep } from "../platform/clock.ts";
import { boolean, integer, list, object, oneOf, record, text, union } from "../platform/decode.ts";
import { limits } from "../platform/limits.ts";
import type { Others, Said } from "./cluster/others.ts";
import type { NodeProxies } from "./proxies.ts";

export interface MeshProxiesOptions {
  readonly own: NodeProxies;
  readonly others: Others;
  /** Every registered proxy. */
  readonly registered: () => Iterable<WorkloadName>;
  /** Of the store as this node knows it: a position means nothing without it. */
  readonly incarnations: () => Readonly<Record<"records" | "endpoints", string>>;
  readonly clock: Clock;
}

const version = object({ version: text(), acked: text() }, { nacked: object({ version: text(), message: text() }) });
const status = object({
  proxy: text(512),
  meshd: text(63),
  connected: boolean,
  types: record(version),
  revision: text(256),
});
const pageQuestion = object({ after: text(512) });
const page = object({ proxies: list(status, limits.proxiesPerPage), more: boolean });

const incarnation = text(128);
const waitQuestion = object({
  position: object({ records: integer(0), endpoints: integer(0) }),
  incarnations: object({ records: incarnation, endpoints: incarnation }),
  waitMs: integer(0, 60_000),
});
const hold = object({
  reason: oneOf("frozen", "drop", "missing", "quarantined"),
  changes: integer(0),
  message: text(),
  next: text(),
});
const distribution = union("kind", {
  distributed: object({ proxies: integer(0) }),
  refused: object({ refusals: list(object({ proxy: text(), type: text(), message: text() })) }),
  pending: object({ proxies: list(text()) }),
  held: object({ holds: list(hold) }),
});

/** The first piece of a wait, ms: soon enough to name who lacks what in a short one. */
const firstPieceMs = 50;
/** Before a silent node is asked again, ms. */
const againMs = 100;

export class MeshProxies implements Proxies {
  readonly #options: MeshProxiesOptions;

  constructor(options: MeshProxiesOptions) {
    this.#options = options;
    options.others.answer("proxies", async (question) => this.#page(pageQuestion(question, "question").after));
    options.others.answer("wait", (question) => this.#waitHere(waitQuestion(question, "question")));
  }

  async status(): Promise<ProxyStatuses> {
    const { own, others, registered } = this.#options;
    const told = await Promise.all(others.names().map((node) => this.#statusesOf(node)));
    const proxies = [...own.connected(), ...told.flatMap((one) => (one.kind === "said" ? one.value : []))];
    const silent = told.flatMap((one) => (one.kind === "silent" && !others.isGone(one.node) ? [one.node] : []));
    const connected = new Set(proxies.map(({ proxy }) => proxy));
    const absent = [...registered()]
      .filter((name) => !connected.has(name))
      .map((proxy) => ({ proxy, meshd: "", connected: false, types: {}, revision: "" }));
    return { proxies: [...proxies, ...absent].sort((a, b) => a.proxy.localeCompare(b.proxy)), silent };
  }

  config(...of: Parameters<Proxies["config"]>): ReturnType<Proxies["config"]> {
    return this.#options.own.config(...of);
  }

  /** Asks every node until each holds the position or is gone; one that joins meanwhile is asked too. */
  async waitDistributed(position: StreamPosition, signal: AbortSignal): Promise<Distribution> {
    const { own, others } = this.#options;
    const ending = new AbortController();
    const either = AbortSignal.any([signal, ending.signal]);
    const settled = (one: Distribution): Distribution => {
      if (one.kind === "refused" || one.kind === "held") ending.abort();
      return one;
    };
    const asked = new Set<NodeName>();
    const answers: Distribution[] = [];
    let waits = [own.waitDistributed(position, either)];
    do {
      const open = others.names().filter((node) => !asked.has(node));
      for (const node of open) asked.add(node);
      waits.push(...open.map((node) => this.#waitAt(node, position, either)));
      answers.push(...(await Promise.all(waits.map((wait) => wait.then(settled)))));
      waits = [];
    } while (answers.every(({ kind }) => kind === "distributed") && others.names().some((node) => !asked.has(node)));
    return joined(answers);
  }

  async #statusesOf(node: NodeName): Promise<Said<readonly ProxyStatus[]>> {
    const proxies: ProxyStatus[] = [];
    for (;;) {
      const of = { after: proxies.at(-1)?.proxy ?? "" };
      const said = await this.#options.others.ask(node, { topic: "proxies", of }, page);
      if (said.kind === "silent") return said;
      proxies.push(...said.value.proxies);
      if (!said.value.more) return { kind: "said", node, value: proxies };
    }
  }

  #page(after: string): { readonly proxies: readonly ProxyStatus[]; readonly more: boolean } {
    const all = this.#options.own.connected().sort((a, b) => (a.proxy < b.proxy ? -1 : 1));
    const left = all.filter(({ proxy }) => proxy > after);
    return { proxies: left.slice(0, limits.proxiesPerPage), more: left.length > limits.proxiesPerPage };
  }

  async #waitHere({ position, incarnations, waitMs }: ReturnType<typeof waitQuestion>): Promise<Distribution> {
    const { own, clock } = this.#options;
    const known = this.#options.incarnations();
    for (const stream of ["records", "endpoints"] as const) {
      if (position[stream] > 0 && known[stream] !== incarnations[stream]) return { kind: "pending", proxies: [] };
    }
    const ending = new AbortController();
    const timer = clock.after(waitMs, () => ending.abort());
    try {
      return await own.waitDistributed(position, ending.signal);
    } finally {
      timer.cancel();
    }
  }

  /** In pieces, so that a node that was replaced meanwhile is asked anew. */
  async #waitAt(node: NodeName, position: StreamPosition, signal: AbortSignal): Promise<Distribution> {
    const { others, clock } = this.#options;
    let pending: readonly string[] = [`node ${node}`];
    for (let waitMs = firstPieceMs; !others.isGone(node); waitMs = limits.nodeWaitMs) {
      const of = { position, incarnations: this.#options.incarnations(), waitMs };
      const timeoutMs = waitMs + limits.nodeAnswerMs;
      const asking = others.ask(node, { topic: "wait", of, timeoutMs }, distribution);
      const said = await untilAborted(asking, signal);
      if (said?.kind === "said" && said.value.kind !== "pending") return said.value;
      const lacking = said?.kind === "said" && said.value.kind === "pending" ? said.value.proxies : [];
      if (lacking.length > 0) pending = lacking;
      if (said?.kind === "silent") pending = [`node ${node} (${said.because})`];
      // Without a proxy to wait for it answered at once: it sees another store, or does not answer at all.
      if (lacking.length === 0 && !others.isGone(node)) await sleep(clock, againMs, signal).catch(() => {});
      if (signal.aborted) return { kind: "pending", proxies: pending };
    }
    return { kind: "distributed", proxies: 0 };
  }
}

function joined(answers: readonly Distribution[]): Distribution {
  const refusals = answers.flatMap((one) => (one.kind === "refused" ? one.refusals : []));
  if (refusals.length > 0) return { kind: "refused", refusals };
  const held = answers.find((one) => one.kind === "held");
  if (held) return held;
  const pending = answers.filter((one) => one.kind === "pending");
  if (pending.length > 0) return { kind: "pending", proxies: pending.flatMap(({ proxies }) => proxies) };
  const proxies = answers.reduce((sum, one) => sum + (one.kind === "distributed" ? one.proxies : 0), 0);
  return { kind: "distributed", proxies };
}

/** undefined: the signal came first. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => resolve(undefined);
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
