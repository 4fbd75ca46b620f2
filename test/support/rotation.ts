/**
 * Watches the certificate that each sidecar serves while it is renewed again and again under load: fresh handshakes at a
 * steady rate, before, at and after every change of the serial number. Some are this program's own, with a workload's
 * identity; others are Envoy's own, to a service that takes one request a connection.
 */
import { setTimeout as wait } from "node:timers/promises";
import type { Mesh } from "./mesh.ts";
import { demoLoad, type LoadReport, stopLoads } from "./steady_load.ts";
import { type Handshake, handshake, identityOf, type WorkloadIdentity } from "./workload_identity.ts";

export interface RotationOptions {
  /** How many changes of the watched sidecar's certificate to see. */
  readonly rotations: number;
  readonly handshakesPerSecond: number;
  readonly requestsPerSecond: number;
  /** For one rotation, ms; then the report shows fewer. */
  readonly patienceMs: number;
}

export interface RotationReport extends LoadReport {
  readonly handshakes: number;
  readonly failures: readonly string[];
  /** What the watched sidecar served after each of its rotations. */
  readonly serials: readonly string[];
  /** For each rotation, of the handshakes nearest to it: how many there were, and how many failed. */
  readonly around: readonly { readonly made: number; readonly failed: number }[];
  /** Rotations of each of the other sidecars in the same time. */
  readonly others: Readonly<Record<string, number>>;
  /** TLS connections that the client's Envoy made to the service of one request a connection; some resumed a session. */
  readonly proxyHandshakes: { readonly all: number; readonly resumed: number };
  /** Handshakes that failed at some Envoy, on either side. */
  readonly refused: number;
}

/** Every page needs details: with this rule, each on a connection of its own. */
const oneRequestAConnection = `apiVersion: networking.mesh.io/v1
kind: DestinationRule
metadata: {name: details}
spec:
  host: details
  trafficPolicy: {connectionPool: {http: {maxRequestsPerConnection: 1}}}
  subsets: [{name: v1, labels: {version: v1}}]
`;
const watched = "reviews-v1";
const client = "productpage-v1";
/** Half of them before the change, half after. */
const nearest = 100;

export async function watchRotations(mesh: Mesh, options: RotationOptions): Promise<RotationReport> {
  const applied = await mesh.meshctl(["apply", "-f", "-"], oneRequestAConnection);
  if (applied.code !== 0) throw new Error(applied.stderr);
  await mesh.meshctl(["wait", "--for=distributed"]);
  const [before, refusedBefore] = [await proxyHandshakes(mesh), await refusedHandshakes(mesh)];
  const loads = demoLoad(mesh.ready.ingress, mesh.workload(client).outbound ?? "", options.requestsPerSecond);
  const callers = await Callers.start(mesh, options.handshakesPerSecond);
  const endsMs = performance.now() + options.patienceMs * options.rotations;
  while (!callers.complete(options.rotations) && performance.now() < endsMs) await wait(100);
  const all = await callers.stop();
  const mine = all.get(watched) ?? [];
  const everything = [...all.values()].flat();
  const others = [...all]
    .filter(([name]) => name !== watched)
    .map(([name, made]) => [name, changes(made).length] as const);
  const after = await proxyHandshakes(mesh);
  return {
    ...(await stopLoads(loads)),
    handshakes: everything.length,
    failures: everything.flatMap(({ failure }) => failure ?? []),
    serials: surrounded(mine).map((at) => mine[at]?.serial ?? ""),
    around: surrounded(mine).map((at) => around(mine, at)),
    others: Object.fromEntries(others),
    proxyHandshakes: { all: after.all - before.all, resumed: after.resumed - before.resumed },
    refused: (await refusedHandshakes(mesh)) - refusedBefore,
  };
}

/** Opens connections to every sidecar with the client's newest identity; most of them to the watched one. */
class Callers {
  readonly #made = new Map<string, Handshake[]>();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #underWay = new Set<Promise<void>>();
  #identity: WorkloadIdentity;

  private constructor(identity: WorkloadIdentity) {
    this.#identity = identity;
  }

  static async start(mesh: Mesh, perSecond: number): Promise<Callers> {
    const callers = new Callers(await identityOf(mesh, client));
    for (const { name, inbound } of mesh.ready.workloads) {
      if (inbound === null) continue;
      callers.#made.set(name, []);
      const periodMs = name === watched ? 1_000 / perSecond : 1_000;
      callers.#timers.push(setInterval(() => callers.#track(callers.#call(name, inbound)), periodMs));
    }
    const renew = async () => {
      callers.#identity = await identityOf(mesh, client);
    };
    callers.#timers.push(setInterval(() => callers.#track(renew()), 500));
    return callers;
  }

  complete(rotations: number): boolean {
    return [...this.#made].every(([name, made]) => {
      const seen = name === watched ? surrounded(made) : changes(made);
      const last = seen.at(-1);
      if (last === undefined || seen.length < rotations) return false;
      return name !== watched || made.length - last >= nearest / 2;
    });
  }

  async stop(): Promise<ReadonlyMap<string, readonly Handshake[]>> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(this.#underWay);
    return this.#made;
  }

  async #call(name: string, inbound: string): Promise<void> {
    const service = name.replace(/-v\d+$/, "");
    const made = await handshake(inbound, this.#identity, `spiffe://cluster.local/ns/default/sa/bookinfo-${service}`);
    const all = this.#made.get(name) ?? [];
    all.push(made);
    all.sort((a, b) => a.atMs - b.atMs);
  }

  #track(work: Promise<void>): void {
    const one = work.finally(() => this.#underWay.delete(one));
    this.#underWay.add(one);
  }
}

/** What Envoys counted, of statistics whose names match, together. */
async function counted(admins: readonly string[], pattern: string): Promise<number> {
  const texts = await Promise.all(
    admins.map(async (admin) => (await fetch(`http://${admin}/stats?filter=${encodeURIComponent(pattern)}`)).text()),
  );
  const lines = texts.flatMap((text) => text.split("\n")).filter((line) => line !== "");
  return lines.reduce((total, line) => total + Number(line.split(": ").at(-1)), 0);
}

/** A retry hides one from the load, so Envoys' own counts are asked. */
function refusedHandshakes(mesh: Mesh): Promise<number> {
  const admins = mesh.ready.workloads.map(({ admin }) => admin);
  return counted(admins, "^(cluster|listener)\\..*\\.ssl\\.(connection_error|fail_verify_.*)$");
}

/** Full ones, of the client's Envoy to details. */
async function proxyHandshakes(mesh: Mesh): Promise<{ readonly all: number; readonly resumed: number }> {
  const { admin } = mesh.workload(client);
  const [all, resumed] = await Promise.all([
    counted([admin], "^cluster\\.outbound.*details.*\\.ssl\\.handshake$"),
    counted([admin], "^cluster\\.outbound.*details.*\\.ssl\\.session_reused$"),
  ]);
  return { all, resumed };
}

/** Where in a row of handshakes another certificate is served than just before. */
function changes(made: readonly Handshake[]): readonly number[] {
  const served = made.map(({ serial }, index) => ({ serial, index })).filter(({ serial }) => serial !== "");
  return served.flatMap(({ serial, index }, at) => (at > 0 && served[at - 1]?.serial !== serial ? [index] : []));
}

/** Changes that had enough handshakes before them to say that they harmed none. */
function surrounded(made: readonly Handshake[]): readonly number[] {
  return changes(made).filter((index) => index >= nearest / 2);
}

function around(made: readonly Handshake[], index: number): { readonly made: number; readonly failed: number } {
  const near = made.slice(Math.max(0, index - nearest / 2), index + nearest / 2);
  return { made: near.length, failed: near.filter(({ failure }) => failure !== undefined).length };
}
