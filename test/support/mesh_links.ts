/**
 * Links between the parts of a mesh of three nodes that runs already: each nats-server is started again behind a link on
 * the port that everybody knows, with routes to the others that go over links of their own. It needs no root.
 *
 *   meshd-i ──link of nats-j──▶ nats-j          two connections: the store's, and the one to other nodes
 *   nats-i ──link of route i→j──▶ nats-j        each of two servers dials the other; either connection joins them
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "./deployment.ts";
import { type Cut, type Held, Link, whole } from "./link.ts";
import type { Mesh } from "./mesh.ts";
import type { ThreeNodes } from "./three_nodes.ts";

/** Which of a node's two connections to NATS. */
export type Connections = "all" | "to other nodes";

export class MeshLinks {
  readonly #clients: readonly Link[];
  /** By the index of who dials and of who is dialled. */
  readonly #routes: ReadonlyMap<string, Link>;
  readonly #cuts = new Map<string, Cut>();

  private constructor(clients: readonly Link[], routes: ReadonlyMap<string, Link>) {
    this.#clients = clients;
    this.#routes = routes;
  }

  /** Resolves when the mesh has healed. */
  static async interpose(mesh: Mesh, nodes: ThreeNodes): Promise<MeshLinks> {
    const files = nodes.nats.map((name) => join(mesh.stateDir, `${name}.conf`));
    const made = files.map((file) => configurationOf(readFileSync(file, "utf8")));
    const routes = new Map<string, Link>();
    for (const [from] of made.entries()) {
      for (const [to, { routePort }] of made.entries()) {
        if (from !== to) routes.set(`${from} ${to}`, await Link.start({ port: 0, target: routePort }));
      }
    }
    const clients: Link[] = [];
    for (const [index, file] of files.entries()) {
      const own = made[index];
      if (!own) continue;
      const clientPort = await freePort();
      let text = own.text.replace(`listen: "127.0.0.1:${own.clientPort}"`, `listen: "127.0.0.1:${clientPort}"`);
      // What servers tell each other of themselves leads nowhere: there is no way but the links.
      text = text.replace("  no_advertise: true", '  no_advertise: true\n  advertise: "127.0.0.1:1"');
      for (const [to, { routePort }] of made.entries()) {
        const link = routes.get(`${index} ${to}`);
        if (link) text = text.replace(`127.0.0.1:${routePort}"`, `127.0.0.1:${link.port}"`);
      }
      writeFileSync(file, text);
      const part = nodes.nats[index] ?? "";
      const started = mesh.restartOf(part, () => process.kill(nodes.pidOf(part), "SIGKILL"));
      clients.push(await Link.start({ port: own.clientPort, target: clientPort }));
      await started;
      await nodes.healed();
    }
    return new MeshLinks(clients, routes);
  }

  /** What the one says to the other does not arrive. */
  cutRoute(from: number, to: number): void {
    this.#cutLink(`${from} ${to}`, { out: true, back: false });
    this.#cutLink(`${to} ${from}`, { out: false, back: true });
  }

  /** Of this node's connections to NATS, wherever they go: what it says (`out`) or what it is told (`back`) is lost. */
  cutNode(node: string, which: Connections, cut: Cut): void {
    const isMeant = (client: string): boolean =>
      client.startsWith(`${node} of `) && (which === "all" || client.endsWith("to other nodes"));
    for (const link of this.#clients) link.cut((client) => (isMeant(client) ? cut : whole));
  }

  /** What nodes said to NATS that has not arrived. */
  held(): readonly Held[] {
    return this.#clients.flatMap((link) => link.held());
  }

  heal(): void {
    this.#cuts.clear();
    for (const link of [...this.#clients, ...this.#routes.values()]) link.cut(() => whole);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#clients, ...this.#routes.values()].map((link) => link.stop()));
  }

  /** Cuts of both directions add up. */
  #cutLink(route: string, more: Cut): void {
    const before = this.#cuts.get(route) ?? whole;
    const cut = { out: before.out || more.out, back: before.back || more.back };
    this.#cuts.set(route, cut);
    this.#routes.get(route)?.cut(() => cut);
  }
}

interface Configuration {
  readonly text: string;
  readonly clientPort: number;
  readonly routePort: number;
}

function configurationOf(text: string): Configuration {
  const [client, route] = [...text.matchAll(/listen: "127\.0\.0\.1:(\d+)"/g)].map(([, port]) => Number(port));
  if (client === undefined || route === undefined) throw new Error("the nats-server's configuration is another");
  return { text, clientPort: client, routePort: route };
}
