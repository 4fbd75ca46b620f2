/**
 * A workload that comes while something is broken: `meshctl run` for an app of the test's own, and the first request
 * from another workload that reaches it. The agent is on this way: it makes the identity, the Envoy and the endpoint.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { type Mesh, meshctlEntry } from "./mesh.ts";
import { send } from "./requests.ts";

const patienceMs = 60_000;

/** Resolves with the moment, on performance.now()'s clock, at which a caller's request was answered by it. */
export async function newcomerServes(mesh: Mesh, service: string): Promise<number> {
  const app = createServer((_, response) => response.end(service));
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  const { port } = app.address() as AddressInfo;
  const args = ["--state-dir", mesh.stateDir, "run", "--service", service, "--port", `http:8000:${port}`, "-o", "json"];
  const child = spawn(process.execPath, [meshctlEntry, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  try {
    const signal = AbortSignal.timeout(patienceMs);
    await Promise.race([once(createInterface({ input: child.stdout }), "line", { signal }), exited]);
    const via = mesh.workload("productpage-v1").outbound ?? "";
    for (;;) {
      const answer = await send({ via, host: `${service}:8000` }).catch(() => undefined);
      if (answer?.body === service) return performance.now();
      signal.throwIfAborted();
      await wait(20);
    }
  } finally {
    child.kill("SIGTERM");
    await exited;
    app.closeAllConnections();
    app.close();
  }
}
