/**
 * Whether this node can do its work, and what it and the others see of the parts around them (`meshctl check`). Each
 * node speaks for itself; one that does not answer is named.
 */
import type { KnownMember, Membership } from "../actors/runtime/membership.ts";
import type { Finding, Health, Hold, ProxyStatus } from "../api/ports.ts";
import type { NodeIdentity } from "../certificates/node_identity.ts";
import type { Clock } from "../platform/clock.ts";
import { list, object, oneOf, text } from "../platform/decode.ts";
import { span } from "../platform/span.ts";
import type { Replica } from "../store/replica.ts";
import type { Fleet } from "../xds/fleet.ts";
import type { Agreement } from "./cluster/agreement.ts";
import type { Others, Said } from "./cluster/others.ts";
import { guardFindings, verdictFindings, withheldFindings } from "./hosts/findings.ts";
import type { HostWatch } from "./hosts/host_watch.ts";
import type { LiveHosts } from "./hosts/live_hosts.ts";
import type { MeshRecord } from "./mesh_record.ts";

export interface HealthOptions {
  readonly nodeName: string;
  readonly replica: Replica<MeshRecord>;
  readonly fleet: Fleet;
  readonly hosts: LiveHosts;
  readonly watch: HostWatch;
  readonly identity: NodeIdentity;
  readonly membership: Membership;
  readonly others: Others;
  readonly agreement: Pick<Agreement, "suspect" | "verdict">;
  /** Of all nodes; of those that answer. */
  readonly proxies: () => Promise<readonly ProxyStatus[]>;
  /** What keeps changes from the proxies. */
  readonly holds: () => readonly Hold[];
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
    const { replica, fleet, membership, agreement } = this.#options;
    const reasons: string[] = [...membership.impediments()];
    if (!this.#serving) reasons.push("the listeners are not all open");
    if (!replica.synced) reasons.push("the replica has not been read once");
    if (!fleet.ready) reasons.push("nothing has been compiled yet");
    if (!membership.hears) reasons.push("it does not hear itself through NATS");
    if (agreement.suspect) reasons.push("its copy of the records differs from the other nodes'; it is read anew");
    if (replica.staleMs() > staleAfterMs) reasons.push(`NATS has not answered for ${span(replica.staleMs())}`);
    return { ready: reasons.length === 0, reasons };
  }

  async findings(): Promise<readonly Finding[]> {
    const { others } = this.#options;
    const asked = others.names().map((node) => others.ask(node, { topic: "findings" }, findings));
    const [proxies, ...told] = await Promise.all([this.#proxies(), ...asked]);
    return [
      ...this.#own(),
      ...told.flatMap(saidOf),
      ...this.#gone(),
      ...this.#hosts(),
      ...this.#withheld(),
      ...proxies,
      ...this.#records(),
    ];
  }

  /** What only this node can say. */
  #own(): Finding[] {
    return [
      this.#node(),
      this.#store(),
      ...this.#copy(),
      this.#certificate(),
      ...guardFindings(this.#options.watch.guarded),
      ...this.#held(),
    ];
  }

  #held(): Finding[] {
    return this.#options.holds().map(({ reason, message, next }) => {
      const state = reason === "frozen" ? "warning" : "failed";
      return { part: `changes on their way, ${reason}`, state, message, next };
    });
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
    return { part: "NATS JetStream", state: "failed", message: `no answer for ${span(staleMs)}`, next };
  }

  /** Against the other nodes' copies; nothing to say where there is nobody to compare with. */
  #copy(): Finding[] {
    const { agreement, nodeName } = this.#options;
    const part = `copy of the truth on node ${nodeName}`;
    const verdicts = [agreement.verdict("records"), agreement.verdict("endpoints")];
    if (verdicts.some(({ suspect }) => suspect)) {
      const from = [...new Set(verdicts.flatMap(({ different }) => different))].join(", ");
      const next = "it is read anew by itself; should this stay, look at the disk and memory of its nats-server";
      return [{ part, state: "failed", message: `differs from that of ${from}`, next }];
    }
    const as = new Set(verdicts.flatMap(({ equal }) => equal));
    return as.size === 0 ? [] : [good(part, `equal to that of ${[...as].join(", ")}, by checksum`)];
  }

  #certificate(): Finding {
    const { identity, clock, nodeName } = this.#options;
    const { notBeforeMs, notAfterMs } = identity.current().svid;
    const leftMs = notAfterMs - clock.nowMs();
    const part = `certificate of node ${nodeName}`;
    const overdue = leftMs < (notAfterMs - notBeforeMs) * overdueShare;
    const message = leftMs > 0 ? `ends in ${span(leftMs)}` : `ended ${span(-leftMs)} ago`;
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

  #withheld(): readonly Finding[] {
    const { watch, replica } = this.#options;
    const shards = replica.list("endpoints").flatMap(({ object }) => (object.kind === "shard" ? [object.shard] : []));
    const services = replica.list("service").map(({ object }) => object);
    return [...withheldFindings(watch.withheld(), shards), ...verdictFindings(services)];
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
