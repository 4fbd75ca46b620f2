import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type HostSessionsMessage,
  type HostSessionsState,
  hostSessions,
  type WithheldHost,
} from "../../src/actors/kinds/host_sessions.ts";
import type { HostSigns, NodeSigns } from "../../src/actors/kinds/host_silence.ts";
import { limits } from "../../src/platform/limits.ts";

const leaseMs = 1_000;
const dueMs = leaseMs * (1 + limits.hostGraceLeases);
const kind = hostSessions(leaseMs);
const nowMs = 50_000_000;
const none: HostSessionsState = { format: 1, withheld: [] };

type Sign = NodeSigns[number];

const speaks = (host: string): Sign => ({ host, heard: true, agentMs: 0, proxiesMs: dueMs });
const silent = (host: string, agentMs = dueMs, proxiesMs = dueMs): Sign => ({ host, heard: false, agentMs, proxiesMs });
const names = (count: number): readonly string[] => Array.from({ length: count }, (_, at) => `h${at}`);
const withheld = (host: string, sinceMs = nowMs - 1, settled = false): WithheldHost => ({ host, sinceMs, settled });

/** Of one node, on hosts of which all are known. */
const seen = (...signs: readonly Sign[]): HostSigns => ({ hosts: signs.map(({ host }) => host), nodes: [signs] });

function look(signs: HostSigns, state = none, atMs = nowMs) {
  const message: HostSessionsMessage = { type: "look", signs };
  const { state: after, reply } = kind.decide(state, message, { id: "all", nowMs: atMs });
  return { after, hosts: after.withheld.map(({ host }) => host), reply };
}

test("a host that no node has heard for lease and grace is withheld, the others stay", () => {
  const { after } = look(seen(speaks("h0"), silent("h1"), speaks("h2")));

  assert.deepEqual(after.withheld, [{ host: "h1", sinceMs: nowMs, settled: false }]);
});

test("an agent that is back within its grace costs nothing", () => {
  assert.equal(look(seen(speaks("h0"), silent("h1", dueMs - 1))).after, none);
});

test("while a proxy of the host is connected, its agent may be dead", () => {
  assert.equal(look(seen(speaks("h0"), silent("h1", dueMs * 10, 0))).after, none);
  assert.equal(look(seen(speaks("h0"), silent("h1", dueMs * 10, leaseMs - 1))).after, none);
});

test("what one node has heard counts for all", () => {
  const nodes = [
    [speaks("h0"), silent("h1")],
    [silent("h0"), silent("h1", leaseMs - 1)],
  ];

  assert.equal(look({ hosts: ["h0", "h1"], nodes }).after, none);
});

test("a node that has listened for a lease need not have listened for the grace too", () => {
  const nodes = [
    [speaks("h0"), silent("h1")],
    [silent("h0"), silent("h1", leaseMs, leaseMs)],
  ];

  assert.deepEqual(look({ hosts: ["h0", "h1"], nodes }).hosts, ["h1"]);
});

test("without every node's word nothing is withheld, and nobody is taken back", () => {
  const state = { ...none, withheld: [withheld("h2")] };

  assert.equal(look({ hosts: names(4), nodes: undefined }, state).after, state);
  assert.equal(look({ hosts: names(4), nodes: [] }, state).after, state);
});

test("nodes that have only begun to listen leave a withheld host withheld", () => {
  const state = { ...none, withheld: [withheld("h1")] };

  assert.equal(look(seen(speaks("h0"), silent("h1", 0, 0)), state).after, state);
});

test("when no host at all speaks, nothing is withheld, and it is said", () => {
  for (const count of [1, 2, 5]) {
    const { after, reply } = look(seen(...names(count).map((host) => silent(host))));
    assert.equal(after, none);
    assert.deepEqual(reply.guarded, { silent: count, hosts: count });
  }
});

test("half of the hosts may go together, more may not", () => {
  const mesh = (gone: number) => seen(...names(6).map((host, at) => (at < gone ? silent(host) : speaks(host))));

  assert.deepEqual(look(mesh(3)).hosts, names(3));
  assert.deepEqual(look(mesh(4)).hosts, []);
  assert.deepEqual(look(mesh(4)).reply.guarded, { silent: 4, hosts: 6 });
});

test("those that are silent and not due yet, and those withheld lately, count among those that go together", () => {
  const state = { ...none, withheld: [withheld("h0")] };
  const signs = seen(
    ...[silent("h0"), silent("h1"), silent("h2", leaseMs), silent("h3", leaseMs)],
    ...[speaks("h4"), speaks("h5")],
  );

  const { after, reply } = look(signs, state);

  assert.equal(after, state);
  assert.deepEqual(reply.guarded, { silent: 4, hosts: 6 });
});

test("the guard ends by itself when most speak again", () => {
  const { hosts } = look(seen(silent("h0"), silent("h1"), speaks("h2"), speaks("h3"), speaks("h4"), speaks("h5")));

  assert.deepEqual(hosts, ["h0", "h1"]);
});

test("hosts that are replaced one by one under new names never add up to a mass", () => {
  let state = none;
  let atMs = nowMs;
  let fleet = names(4);
  for (let generation = 0; generation < 20; generation++) {
    const [first = "", ...rest] = fleet;
    fleet = [...rest, `new-${generation}`];
    const gone = state.withheld.map(({ host }) => host);
    const signs = seen(...[first, ...gone].map((host) => silent(host)), ...fleet.map(speaks));
    state = look(signs, state, atMs).after;
    atMs += limits.hostsTogetherMs;
    state = look(signs, state, atMs).after;
  }

  assert.equal(state.withheld.length, 20);
  assert.ok(state.withheld.every(({ settled }) => settled));
});

test("ten minutes after it was withheld a host is settled, and the record says when to look", () => {
  const state = { ...none, withheld: [withheld("h1", nowMs)] };
  const signs = seen(speaks("h0"), silent("h1"));
  const settlesMs = nowMs + limits.hostsTogetherMs;

  assert.equal(kind.dueAtMs(state), settlesMs);
  assert.equal(look(signs, state, settlesMs - 1).after, state);
  const { after } = look(signs, state, settlesMs);
  assert.deepEqual(after.withheld, [{ host: "h1", sinceMs: nowMs, settled: true }]);
  assert.equal(kind.dueAtMs(after), undefined);
});

test("after an outage nobody settles before it had its lease and grace to speak again", () => {
  const state = { ...none, withheld: [withheld("h1", nowMs)] };

  const { after } = look(seen(speaks("h0"), silent("h1", leaseMs)), state, nowMs + limits.hostsTogetherMs * 6);

  assert.equal(after, state);
});

test("who speaks is taken back at once, from a node's word or by a look", () => {
  const state = { ...none, withheld: [withheld("h1"), withheld("h2", 1, true)] };

  const told = kind.decide(state, { type: "spoke", hosts: ["h2", "stranger"] }, { id: "all", nowMs });
  assert.deepEqual(told.state.withheld, [withheld("h1")]);
  assert.deepEqual(look(seen(speaks("h0"), speaks("h1"), speaks("h2")), state).hosts, []);
});

test("a host that has no endpoints any more is forgotten", () => {
  const state = { ...none, withheld: [withheld("h1")] };

  assert.deepEqual(look({ hosts: ["h0"], nodes: [[speaks("h0"), silent("h1")]] }, state).hosts, []);
});

test("more than a record holds stay in force", () => {
  const many = names(limits.hostsWithheld * 3);
  const signs = seen(...many.map((host, at) => (at <= limits.hostsWithheld ? silent(host) : speaks(host))));

  assert.equal(look(signs).hosts.length, limits.hostsWithheld);
});

test("whatever is heard: nobody who was heard is withheld, and never more than half go together", () => {
  const host = fc.record({
    heard: fc.boolean(),
    agentMs: fc.integer({ min: 0, max: dueMs * 2 }),
    proxiesMs: fc.integer({ min: 0, max: dueMs * 2 }),
  });
  const looks = fc.array(fc.array(host, { minLength: 8, maxLength: 8 }), { minLength: 1, maxLength: 10 });
  fc.assert(
    fc.property(looks, (rounds) => {
      let state = none;
      for (const [round, signs] of rounds.entries()) {
        const told = signs.map((one, at) => ({
          host: `h${at}`,
          heard: one.heard,
          agentMs: one.heard ? 0 : one.agentMs,
          proxiesMs: one.proxiesMs,
        }));
        const before = state.withheld.length;
        state = look(seen(...told), state, nowMs + round).after;
        for (const { host: name } of state.withheld) assert.ok(told.some((one) => one.host === name && !one.heard));
        assert.ok(state.withheld.length <= Math.max(before, 4));
      }
    }),
  );
});
