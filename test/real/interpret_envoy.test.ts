/**
 * Random routes and requests: the interpreter and a real Envoy decide alike, and what is said to have made a route has made it.
 * The seed is printed when that is not so.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { decide } from "../../src/compile/interpret.ts";
import { RunningEnvoy } from "../envoy/running_envoy.ts";
import {
  Applications,
  disagreement,
  faultsIn,
  misplaced,
  outboundTable,
  request,
  routing,
} from "../support/agreement.ts";

const configurations = Number(process.env.WEFT_CONFIGURATIONS ?? 15);
const requestsEach = 20;
const seed = Number(process.env.WEFT_SEED ?? Date.now() % 1_000_000);

/** Envoy's counters of faults. */
const injected = "http.outbound.fault";

let applications: Applications;

before(async () => {
  applications = await Applications.start();
});

after(() => applications?.close());

test(`${configurations * requestsEach} pairs of routes and requests, seed ${seed}`, async () => {
  const worlds = fc.sample(fc.tuple(routing, fc.array(request, { minLength: requestsEach, maxLength: requestsEach })), {
    numRuns: configurations,
    seed,
  });
  for (const [routes, requests] of worlds) {
    const compiled = applications.compiled(routes);
    const table = outboundTable(compiled.items);
    const envoy = await RunningEnvoy.start(compiled.items);
    const told = (found: string | undefined): string =>
      `seed ${seed}\n${found}\n${JSON.stringify([...routes], undefined, 1)}`;
    const faults = { delays: 0, aborts: 0 };
    try {
      for (const asked of requests) {
        const decision = decide(table, asked);
        const found =
          (await disagreement(envoy, asked, decision)) ??
          misplaced({ applications, routing: routes }, compiled, { asked, decision });
        assert.equal(found, undefined, told(found));
        const { delay, abort } = faultsIn(decision);
        if (delay) faults.delays++;
        if (abort) faults.aborts++;
      }
      const [delays, aborts] = [
        await envoy.counter(`${injected}.delays_injected`),
        await envoy.counter(`${injected}.aborts_injected`),
      ];
      assert.deepEqual({ delays, aborts }, faults, told("faults"));
    } finally {
      await envoy.stop();
    }
  }
});
