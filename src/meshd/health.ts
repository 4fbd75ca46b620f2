/**
 * Whether this node can do its work, and what it and the others see of the parts around them (`meshctl check`). Each node
 * speaks for itself; one that does not answer is named.
 */
import type { KnownMember, Membership } from "../actors/runtime/membership.ts";
import type { Finding, Health, ProxyStatus } from "../api/ports.ts";
import type { NodeIdentity } from "../certificates/node_identity.ts";
import type { Clock } from "../platform/clock.ts";
import { list, object, oneOf, text } from "../platform/decode.ts";
import type { Replica } from "../store/replica.ts";
import type { Fleet } from "../xds/fleet.ts";
import type { LiveHosts } from "./hosts.ts";
import type { MeshRecord } from "./mesh_record.ts";
import type { Others, Said } from "./others.ts";

export interface HealthOptions {
  readonly nodeName: string;
  readonly replica: Replica<MeshRecord>;
  readonly fleet: Fleet;
  readonly hosts: LiveHosts;
  readonly identity: NodeIdentity;
  readonly membership: Membership;
  readonly others: Others;
  /** Of all nodes; of those that answer. */
  readonly proxies: () => Promise<readonly ProxyStatus[]>;
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
    options.others.answer("findings", async () => this.#own());
  }

  /** All listeners are open. */
  serving(is: boolean): void {
    this.#serving = is;
  }

  readiness(): { readonly ready: boolean; readonly reasons: readonly string[] } {
    const { replica, fleet, membership } = this.#options;
    const reasons: string[] = [...membership.impediments()];
    if (!this.#serving) reasons.push("the listeners are not all open");
    if (!replica.synced) reasons.push("the replica has not been read once");
    if (!fleet.ready) reasons.push("nothing has been compiled yet");
    if (!membership.hears) reasons.push("it does not hear itself through NATS");
    if (replica.staleMs() > staleAfterMs) reasons.push(`NATS has not answered for ${seconds(replica.staleMs())}`);
    return { ready: reasons.length === 0, reasons };
  }

  async findings(): Promise<readonly Finding[]> {
    const { others } = this.#options;
    const asked = others.names().map((node) => others.ask(node, { topic: "findings" }, findings));
    const [proxies, ...told] = await Promise.all([this.#proxies(), ...asked]);
    return [...this.#own(), ...told.flatMap(saidOf), ...this.#gone(), ...this.#hosts(), ...proxies, ...this.#records()];
  }

  /** What only this node can say. */
  #own(): Finding[] {
    return [this.#node(), this.#store(), this.#certificate()];
  }

  #gone(): Finding[] {
    return this.#options.membership
      .known()
      .filter(({ state }) => state === "dead")
      .map(goneFinding);
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

  async #proxies(): Promise<Finding[]> {
    return (await this.#options.proxies()).map((status) => this.#proxy(status));
  }

  #proxy({ proxy, connected, types }: ProxyStatus): Finding {
    const part = `proxy ${proxy}`;
    if (!connected) return { part, state: "failed", message: "is not connected to any node that answers" };
    const refusals = Object.values(types).flatMap(({ nacked }) => nacked ?? []);
    if (refusals.length > 0) {
      const message = `refuses ${refusals.map((refusal) => refusal.message).join("; ")}`;
      return { part, state: "failed", message, next: `meshctl proxy-config all ${proxy} shows what it is sent` };
    }
    const warming = this.#options.hosts.proxy(proxy)?.warming ?? 0;
    if (warming > 0) return { part, state: "warning", message: `warms ${warming} clusters or listeners` };
    return good(part, "connected, and holds what it was sent");
  }

  #records(): Finding[] {
    return this.#options.replica.problems().map(({ key, because }) => ({
      part: `record ${key}`,
      state: "warning",
      message: `cannot be read (${because}); its last good form is in force`,
    }));
  }
}

const finding = object({ part: text(), state: oneOf("good", "warning", "failed"), message: text() }, { next: text() });
const findings = list(finding, 1_000);

function saidOf(said: Said<readonly Finding[]>): readonly Finding[] {
  if (said.kind === "said") return said.value;
  return [{ part: `node ${said.node}`, state: "failed", message: `does not answer: ${said.because}` }];
}

function goneFinding({ node, left }: KnownMember): Finding {
  const part = `node ${node}`;
  if (left) return { part, state: "warning", message: "was stopped" };
  return { part, state: "failed", message: "is gone; the others own its actors", next: "start it again" };
}

function good(part: string, message: string): Finding {
  return { part, state: "good", message };
}

function seconds(ms: number): string {
  return Number.isFinite(ms) ? `${Math.round(ms / 1_000)} s` : "ever";
}
