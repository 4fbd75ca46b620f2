/** SVIDs for a host's workloads: the identity is the registered workload's, whatever the CSR says. */
import type { SvidReply, SvidRequest } from "../../certificates/attestation/protocol.ts";
import { type SpiffeId, serviceAccountId } from "../../model/identity.ts";
import { nameOfWorkload } from "../../model/workload.ts";
import { catchUp } from "../commit.ts";
import type { AgentPorts } from "./ports.ts";
import { workloadsOf } from "./register.ts";

type Refusal = SvidReply["refused"][number];

export async function issueSvids(
  ports: AgentPorts,
  hostName: string,
  requests: SvidRequest["requests"],
  signal: AbortSignal,
): Promise<SvidReply> {
  let identities = identitiesOf(ports, hostName);
  if (requests.some(({ workload }) => !identities.has(workload))) {
    // It may have been registered at another node a moment ago.
    await catchUp(ports, "records", signal);
    identities = identitiesOf(ports, hostName);
  }
  const orders: { workload: string; spiffeId: SpiffeId; csr: Uint8Array }[] = [];
  const refused: Refusal[] = [];
  for (const { workload, csr } of requests) {
    const spiffeId = identities.get(workload);
    if (spiffeId) orders.push({ workload, spiffeId, csr: Buffer.from(csr, "base64") });
    else
      refused.push({ workload, code: "not-registered", message: `host ${hostName} has registered no such workload` });
  }
  const answers = await ports.svids.issue(orders);
  const issued: SvidReply["issued"][number][] = [];
  for (const [index, { workload }] of orders.entries()) {
    const answer = answers[index];
    if (answer?.kind === "issued") issued.push({ workload, svid: answer.svid });
    else
      refused.push({
        workload,
        code: answer?.code ?? "unavailable",
        message: answer?.message ?? "not signed; try again",
      });
  }
  return { issued, refused };
}

function identitiesOf(ports: AgentPorts, hostName: string): ReadonlyMap<string, SpiffeId> {
  return new Map(
    workloadsOf(ports, hostName).map(({ value }) => [
      nameOfWorkload(value),
      serviceAccountId(ports.trustDomain, value),
    ]),
  );
}
