/** Random routes and requests: the interpreter and a real Envoy decide alike. The seed is printed when they do not. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { RunningEnvoy } from "../envoy/running_envoy.ts";
import { Applications, disagreement, outboundTable, request, routing } from "../support/agreement.ts";

const configurations = Number(process.env.WEFT_CONFIGURATIONS ?? 15);
const requestsEach = 20;
const seed = Number(process.env.WEFT_SEED ?? Date.now() % 1_000_000);

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
    const items = applications.compiled(routes);
    const table = outboundTable(items);
    const envoy = await RunningEnvoy.start(items);
    try {
      for (const asked of requests) {
        const found = await disagreement({ envoy, table }, asked);
        assert.equal(found, undefined, `seed ${seed}\n${found}\n${JSON.stringify([...routes], undefined, 1)}`);
      }
    } finally {
      await envoy.stop();
    }
  }
});
