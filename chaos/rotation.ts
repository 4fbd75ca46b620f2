/**
 * Workload certificates of 60 s, renewed three times under load, with fresh handshakes all the while.
 *
 *   npm run chaos -- rotation [--lifetime 60] [--rotations 3] [--json]
 *
 * Exit 1 when a handshake or a request failed, or a serial number did not change.
 */
import { parseArgs } from "node:util";
import { endsWithUs } from "../test/support/ends_with_us.ts";
import { Mesh } from "../test/support/mesh.ts";
import { watchRotations } from "../test/support/rotation.ts";

const { values } = parseArgs({
  options: {
    lifetime: { type: "string", default: "60" },
    rotations: { type: "string", default: "3" },
    rate: { type: "string", default: "40" },
    json: { type: "boolean", default: false },
  },
});
const rotations = Number(values.rotations);

const mesh = await Mesh.start({ environment: { WEFT_SVID_LIFETIME_S: values.lifetime } });
endsWithUs(mesh);
try {
  const report = await watchRotations(mesh, {
    rotations,
    handshakesPerSecond: 20,
    requestsPerSecond: Number(values.rate),
    patienceMs: Number(values.lifetime) * 1_000,
  });
  const { around, failures, failed, serials, others, refused } = report;
  const changed = new Set(serials).size >= rotations && Object.values(others).every((count) => count >= rotations);
  if (!changed || failures.length + failed + refused > 0) process.exitCode = 1;
  if (values.json) console.log(JSON.stringify(report));
  else {
    console.log(`certificates of ${values.lifetime} s under load, ${rotations} rotations of each sidecar's`);
    console.log(
      `  requests         ${failed} failed of ${report.sent}, slowest ${(report.slowestMs / 1_000).toFixed(2)} s`,
    );
    console.log(`  fresh handshakes ${failures.length} failed of ${report.handshakes}`);
    const { all, resumed } = report.proxyHandshakes;
    console.log(
      `  Envoy's own      ${refused} refused by any; productpage to details ${all}, of which ${resumed} resumed`,
    );
    for (const [index, { made, failed }] of around.entries()) {
      console.log(
        `  rotation ${index + 1}       ${failed} failed of the ${made} around it, then serial ${serials[index]}`,
      );
    }
    console.log(`  the others       ${JSON.stringify(others)}`);
    if (failures.length + failed > 0) console.log([...new Set(failures)], report.reasons);
  }
} finally {
  await mesh.remove();
}
