// Random days of hosts and nodes, and what must hold on each: nobody is withheld who was heard, or who could not speak;
// never more than half together; nobody is taken back unheard. And the check of the check: planted bugs are found.
import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "../../src/platform/limits.ts";
import { integerIn, type Random, seededRandom } from "../../src/platform/random.ts";
import { dueMs, leaseMs, type Plant, TestMesh } from "./host_world.ts";

const hosts = ["h0", "h1", "h2", "h3", "h4", "h5"];
const stepMs = 2_000;
const steps = 100;
/** A word that was taken just before the look may be decided on just after. */
const slackMs = 1_000;

interface Day {
  readonly mesh: TestMesh;
  readonly random: Random;
  /** Since when some node could be spoken to. */
  reachableMs: number;
  withheld: ReadonlySet<string>;
}

/** @returns what was violated; undefined: nothing. */
async function runDay(seed: number, plant: Plant = {}): Promise<string | undefined> {
  const mesh = new TestMesh({ hosts, plant });
  const day: Day = { mesh, random: seededRandom(seed), reachableMs: 0, withheld: new Set() };
  for (let step = 0; step < steps; step++) {
    if (step % 4 === 0) happen(day);
    const violation = await passed(day);
    if (violation) return `seed ${seed}, step ${step}: ${violation}`;
  }
  for (const node of mesh.nodes) Object.assign(node, { cut: false, deafTo: undefined });
  for (let ms = 0; ms < dueMs * 2; ms += stepMs) {
    const violation = await passed(day);
    if (violation) return `seed ${seed}, healed: ${violation}`;
  }
  const silent = hosts.filter((host) => !mesh.speaking.has(host));
  const isMass = silent.length > hosts.length / 2;
  const kept = silent.filter((host) => !day.withheld.has(host));
  return isMass || kept.length === 0 ? undefined : `seed ${seed}: ${kept} are silent and in force`;
}

function happen({ mesh, random }: Day): void {
  const node = mesh.node(integerIn(random, 0, mesh.nodes.length));
  const host = hosts[integerIn(random, 0, hosts.length)] ?? "";
  const other = mesh.node(integerIn(random, 0, mesh.nodes.length));
  const what = integerIn(random, 0, 13);
  if (what < 2) mesh.speaking.delete(host);
  else if (what < 6) mesh.speaking.add(host);
  else if (what < 8) node.deafTo = node.deafTo || other === node ? undefined : other;
  else if (what === 8) node.cut = !node.cut;
  else if (what < 11) for (const each of mesh.nodes) each.sinceMs = mesh.clock.monotonicMs();
  else if (what === 11) for (const each of mesh.nodes) each.cut = !each.cut;
  else mesh.speaking = new Set(mesh.speaking.size > 0 ? [] : hosts);
}

async function passed(day: Day): Promise<string | undefined> {
  const { mesh } = day;
  const cutBefore = mesh.nodes.map(({ cut }) => cut);
  await mesh.pass(stepMs);
  const nowMs = mesh.clock.monotonicMs();
  for (const [at, node] of mesh.nodes.entries()) if (cutBefore[at]) node.sinceMs = nowMs;
  if (cutBefore.every((cut) => cut)) day.reachableMs = nowMs;
  const before = day.withheld;
  day.withheld = new Set(await mesh.withheld());
  const takenAgoMs = (host: string): number => nowMs - (mesh.takenAtMs.get(host) ?? 0);
  const heardAgoMs = (host: string): number => nowMs - (mesh.heardAtMs.get(host) ?? 0);
  for (const host of day.withheld) {
    if (before.has(host)) continue;
    if (takenAgoMs(host) < leaseMs - slackMs) return `${host} is withheld, and was heard ${takenAgoMs(host)} ms ago`;
    if (nowMs - day.reachableMs < leaseMs - slackMs) return `${host} is withheld, and could not speak`;
  }
  for (const host of before) {
    if (!day.withheld.has(host) && heardAgoMs(host) > leaseMs + slackMs) return `${host} is taken back unheard`;
  }
  return day.withheld.size > hosts.length / 2 ? `${[...day.withheld]} are withheld together` : undefined;
}

test("60 days", async () => {
  assert.ok(steps * stepMs + dueMs * 2 < limits.hostsTogetherMs, "nobody settles within a day");
  for (let seed = 1; seed <= 60; seed++) assert.equal(await runDay(seed), undefined);
});

const planted: Readonly<Record<string, Plant>> = {
  "expires a host that another node hears": {
    signs: ({ hosts: all, nodes }) => ({ hosts: all, nodes: nodes?.slice(0, 1) }),
  },
  "no guard against a mass": {
    signs: ({ hosts: all, nodes }) => ({
      hosts: [...all, ...Array.from({ length: 50 }, (_, at) => `none-${at}`)],
      nodes,
    }),
  },
  "no lease after an outage": { listening: ({ untilMs }) => ({ sinceMs: 0, untilMs }) },
  "takes back whoever is not known to be silent": {
    signs: ({ hosts: all, nodes }) => ({
      hosts: all,
      nodes: nodes?.map((signs) => signs.map((one) => ({ ...one, heard: one.agentMs < leaseMs }))),
    }),
  },
};

for (const [bug, plant] of Object.entries(planted)) {
  test(`planted: ${bug}`, async (t) => {
    let found: string | undefined;
    for (let seed = 1; seed <= 60 && !found; seed++) found = await runDay(seed, plant);
    assert.ok(found, "it was not found in 60 days");
    t.diagnostic(found);
  });
}
