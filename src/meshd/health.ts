/** Whether this node can do its work, and what it sees of the parts around it (`meshctl check`). */
import type { Finding, Health } from "../api/ports.ts";
import type { NodeIdentity } from "../certificates/node_identity.ts";
import type { Workload } from "../model/workload.ts";
import { nameOfWorkload } from "../model/workload.ts";
import type { Clock } from "../platform/clock.ts";
import type { Replica } from "../store/replica.ts";
import type { Fleet } from "../xds/fleet.ts";
import type { LiveHosts } from "./hosts.ts";
import type { MeshRecord } from "./mesh_record.ts";

export interface HealthOptions {
  readonly nodeName: string;
  readonly replica: Replica<MeshRecord>;
  readonly fleet: Fleet;
  readonly hosts: LiveHosts;
  readonly identity: NodeIdentity;
  readonly workloads: () => Iterable<Workload>;
  readonly clock: Clock;
}

/** A replica that has not heard from the leader for longer than this may show an old DENY as gone. */
const staleAfterMs = 3_000;
/** A certificate that has less than this share of its life left should have been renewed long ago. */
const overdueShare = 0.25;

export class NodeHealth implements Health {
  readonly #options: HealthOptions;
  #serving = false;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** All listeners are open. */
  serving(is: boolean): void {
    this.#serving = is;
  }

  readiness(): { readonly ready: boolean; readonly reasons: readonly string[] } {
    const { replica, fleet } = this.#options;
    const reasons: string[] = [];
    if (!this.#serving) reasons.push("the listeners are not all open");
    if (!replica.synced) reasons.push("the replica has not been read once");
    if (!fleet.ready) reasons.push("nothing has been compiled yet");
    if (replica.staleMs() > staleAfterMs) reasons.push(`NATS has not answered for ${seconds(replica.staleMs())}`);
    return { ready: reasons.length === 0, reasons };
  }

  async findings(): Promise<readonly Finding[]> {
    return [this.#node(), this.#store(), this.#certificate(), ...this.#hosts(), ...this.#proxies(), ...this.#records()];
  }

  #node(): Finding {
    const { ready, reasons } = this.readiness();
    const part = `node ${this.#options.nodeName}`;
    return ready ? good(part, "ready") : { part, state: "failed", message: reasons.join("; ") };
  }

  #store(): Finding {
    const staleMs = this.#options.replica.staleMs();
    if (staleMs <= staleAfterMs) return good("NATS JetStream", "answers; the replica is up to date");
    const next = "look at the nats-server's log; proxies go on with what they have";
    return { part: "NATS JetStream", state: "failed", message: `no answer for ${seconds(staleMs)}`, next };
  }

  #certificate(): Finding {
    const { identity, clock, nodeName } = this.#options;
    const { notBeforeMs, notAfterMs } = identity.current().svid;
    const leftMs = notAfterMs - clock.nowMs();
    const part = `certificate of node ${nodeName}`;
    const overdue = leftMs < (notAfterMs - notBeforeMs) * overdueShare;
    const message = `ends in ${seconds(leftMs)}`;
    return overdue ? { part, state: "warning", message, next: "is the authority reachable?" } : good(part, message);
  }

  #hosts(): Finding[] {
    return this.#options.hosts.names().map(({ hostName, live }) => {
      const part = `agent of ${hostName}`;
      if (live) return good(part, "speaks");
      const next = "its Envoys serve on; start mesh-agent there again, it adopts them";
      return { part, state: "failed", message: "has not spoken for 10 s", next };
    });
  }

  #proxies(): Finding[] {
    const { fleet, hosts, workloads } = this.#options;
    const streams = new Map(fleet.statuses().map((status) => [status.proxy, status]));
    return [...workloads()].map((workload) => {
      const name = nameOfWorkload(workload);
      const part = `proxy ${name}`;
      const stream = streams.get(name);
      if (!stream) return { part, state: "failed", message: "is not connected to this node" };
      const refused = Object.values(stream.types).flatMap(({ nacked }) => nacked?.resources ?? []);
      if (refused.length > 0) {
        const message = refused.map((refusal) => `refuses ${refusal.name}: ${refusal.because}`).join("; ");
        return { part, state: "failed", message, next: `meshctl proxy-config all ${name} shows what it is sent` };
      }
      const warming = hosts.proxy(name)?.warming ?? 0;
      if (warming > 0) return { part, state: "warning", message: `warms ${warming} clusters or listeners` };
      return good(part, "connected, and holds what it was sent");
    });
  }

  #records(): Finding[] {
    return this.#options.replica.problems().map(({ key, because }) => ({
      part: `record ${key}`,
      state: "warning",
      message: `cannot be read (${because}); its last good form is in force`,
    }));
  }
}

function good(part: string, message: string): Finding {
  return { part, state: "good", message };
}

function seconds(ms: number): string {
  return Number.isFinite(ms) ? `${Math.round(ms / 1_000)} s` : "ever";
}
