/**
 * meshctl check: whether every part of the mesh is well. Each node says what it sees (itself, NATS, agents, proxies,
 * certificates); what runs on this machine is looked at as well. 79 when something is broken.
 */
import { createConnection } from "node:net";
import { boolean, list, object, oneOf, text } from "../../platform/decode.ts";
import { limits } from "../../platform/limits.ts";
import { ApiClient } from "../api_client.ts";
import type { CliContext, CommandModule } from "../command.ts";
import { type ExitStatus, exit } from "../exit.ts";
import { type ApiNode, findMesh, isAlive, type Mesh } from "../mesh.ts";
import { print } from "../print.ts";

const finding = object({ part: text(), state: oneOf("good", "warning", "failed"), message: text() }, { next: text() });
type Finding = ReturnType<typeof finding>;
/** A node itself waits for others that are silent, twice in a row; a frozen one must not take longer than they do, ms. */
const patienceMs = 2 * limits.nodeAnswerMs + 1_000;
const readiness = object({ ready: boolean, reasons: list(text()) });

export const command: CommandModule = {
  define: () => {},

  async run(context: CliContext): Promise<ExitStatus> {
    const mesh = await findMesh(context);
    const client = new ApiClient(context, mesh);
    const nodes = await Promise.all(mesh.nodes.map((node) => checkNode(client, node)));
    const findings = merge([...(await checkMachine(context, mesh)), ...nodes.flat()]);
    await print(context, {
      data: findings,
      header: ["PART", "STATE", "WHAT"],
      rows: findings.map(({ part, state, message, next }) => [part, state, next ? `${message}; ${next}` : message]),
      names: findings.map(({ part }) => part),
    });
    return findings.some(({ state }) => state === "failed") ? exit.findings : exit.good;
  },
};

async function checkNode(client: ApiClient, node: ApiNode): Promise<readonly Finding[]> {
  const part = `node ${node.name}`;
  const ready = await client.raw(node, { method: "GET", path: "/readyz", patienceMs });
  if (ready.kind === "unreachable") {
    return [{ part, state: "failed", message: `its API does not answer: ${ready.because}`, next: "start it again" }];
  }
  const { ready: isReady, reasons } = readiness(JSON.parse(ready.text), "readyz");
  const own: Finding = isReady
    ? { part, state: "good", message: "ready" }
    : { part, state: "failed", message: `not ready: ${reasons.join("; ")}` };
  const answer = await client.tryNode(node, { method: "GET", path: "/v1/check", patienceMs });
  return [own, ...(answer.kind === "answered" ? list(finding)(answer.body, "check") : [])];
}

/** Processes and sockets of a mesh that `meshctl dev` runs here. */
async function checkMachine(context: CliContext, mesh: Mesh): Promise<readonly Finding[]> {
  if (!mesh.local) return [];
  const { file, agents } = mesh.local;
  const servers = file.nats.map(({ name, pid }): Finding => processFinding(`nats ${name}`, pid));
  const hosts = agents.map(async ({ name, pid, socket }): Promise<Finding> => {
    const running = processFinding(`agent ${name}`, pid);
    if (running.state === "failed" || (await answers(context, socket))) return running;
    return { part: running.part, state: "failed", message: `${socket} does not answer` };
  });
  return [...servers, ...(await Promise.all(hosts))];
}

function processFinding(part: string, pid: number): Finding {
  if (isAlive(pid)) return { part, state: "good", message: `runs, pid ${pid}` };
  return { part, state: "failed", message: `pid ${pid} is gone`, next: "meshctl dev starts it again; see its output" };
}

function answers(context: CliContext, socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(socket);
    const patience = context.clock.after(limits.cliRequestMs, () => done(false));
    const done = (good: boolean): void => {
      patience.cancel();
      connection.destroy();
      resolve(good);
    };
    connection.on("connect", () => done(true));
    connection.on("error", () => done(false));
  });
}

/** Several nodes see the same parts; the worst word counts. */
function merge(findings: readonly Finding[]): readonly Finding[] {
  const rank = { good: 0, warning: 1, failed: 2 };
  const byPart = new Map<string, Finding>();
  for (const one of findings) {
    const other = byPart.get(one.part);
    if (!other || rank[one.state] > rank[other.state]) byPart.set(one.part, one);
  }
  return [...byPart.values()];
}
