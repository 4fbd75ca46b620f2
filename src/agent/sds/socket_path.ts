/** Where workloads' SDS sockets lie: the name of one is a hash of its workload's, so all are of one length. */
import { join } from "node:path";
import type { WorkloadName } from "../../model/names.ts";
import { shortHash, shortHashLength, socketDirectory } from "../../platform/socket_directory.ts";

const suffix = ".sock";

export function secretsDirectory(stateRoot: string, environment: NodeJS.ProcessEnv): string {
  const nameBytes = shortHashLength + suffix.length;
  return socketDirectory({ directory: join(stateRoot, "sds"), nameBytes, environment });
}

export function socketPath(directory: string, workload: WorkloadName): string {
  return join(directory, `${shortHash(workload)}${suffix}`);
}
