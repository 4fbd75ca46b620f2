/**
 * What is kept of a run beside its Envoy, so that an agent that comes after a crash finds it: what was asked, what was
 * registered, where everything listens, which process the Envoy is. One folder per workload, workloads/NAME.NS/, with
 * run.json, bootstrap.json and envoy.log; it is gone when the workload is.
 */
import { decodeWorkload } from "../model/decode.ts";
import type { RunGateway, RunRequest, RunSidecar } from "../model/run.ts";
import { type LocalAddress, nameOfWorkload, type Workload } from "../model/workload.ts";
import {
  boolean,
  type Decode,
  integer,
  list,
  object,
  oneOf,
  parseJson,
  record,
  text,
  union,
} from "../platform/decode.ts";
import { limits } from "../platform/limits.ts";
import type { StateDirectory } from "../platform/state_directory.ts";

export interface RunRecord {
  readonly request: RunRequest;
  readonly workload: Workload;
  readonly admin: LocalAddress;
  readonly sdsSocket: string;
  /** Whether its endpoint was announced. */
  readonly serving: boolean;
  /** How often its Envoy was started. */
  readonly starts: number;
  readonly envoy?: { readonly pid: number; readonly startTime: string };
}

const folder = "workloads";
const port = integer(0, 65_535);
const address = object({ address: text(64), port });
const name = text(253);

const shared = {
  session: text(128, /^[A-Za-z0-9._-]+$/),
  namespace: name,
  serviceAccount: name,
  labels: record(text(253), 64),
  locality: name,
};

const ports = limits.portsPerWorkload;

const sidecar: Decode<RunSidecar> = object(
  {
    ...shared,
    role: oneOf("sidecar"),
    service: name,
    ports: list(object({ name, port, appPort: port }), ports),
    upstreams: list(object({ service: name, port, listen: address }), ports),
  },
  { name },
);

const gateway: Decode<RunGateway> = object({
  ...shared,
  role: oneOf("gateway"),
  name,
  eastWest: boolean,
  ports: list(object({ port, hostPort: port }), ports),
});

export const decodeRunRequest: Decode<RunRequest> = union("role", { sidecar, gateway });

const decodeRecord: Decode<RunRecord> = object(
  {
    request: decodeRunRequest,
    workload: decodeWorkload,
    admin: address,
    sdsSocket: text(limits.socketPathBytes),
    serving: boolean,
    starts: integer(0),
  },
  { envoy: object({ pid: integer(1), startTime: text(128) }) },
);

export class RunRecords {
  readonly #state: StateDirectory;

  constructor(state: StateDirectory) {
    this.#state = state;
  }

  save(run: RunRecord): void {
    this.#state.write(this.#file(run, "run.json"), JSON.stringify(run), 0o600);
  }

  saveBootstrap(run: RunRecord, bootstrap: unknown): void {
    this.#state.write(this.#file(run, "bootstrap.json"), JSON.stringify(bootstrap), 0o600);
  }

  paths(run: RunRecord): { readonly bootstrapPath: string; readonly logPath: string } {
    const at = (file: string): string => this.#state.path(this.#file(run, file));
    return { bootstrapPath: at("bootstrap.json"), logPath: at("envoy.log") };
  }

  remove(run: RunRecord): void {
    this.#state.remove(`${folder}/${nameOfWorkload(run.workload)}`);
  }

  /** Every run that was kept; what cannot be read is told to `unreadable` and left where it is. */
  all(unreadable: (path: string, cause: unknown) => void): readonly RunRecord[] {
    return this.#state.list(folder).flatMap((workload) => {
      const file = `${folder}/${workload}/run.json`;
      try {
        const text = this.#state.read(file);
        return text === undefined ? [] : [parseJson(text, decodeRecord, file)];
      } catch (cause) {
        unreadable(this.#state.path(file), cause);
        return [];
      }
    });
  }

  #file(run: RunRecord, file: string): string {
    return `${folder}/${nameOfWorkload(run.workload)}/${file}`;
  }
}
