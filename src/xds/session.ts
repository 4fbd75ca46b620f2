/**
 * One proxy's delta ADS stream, without the stream: requests, changes and the end of a wait go in, responses come out.
 * No I/O and no clock. Its caller (stream.ts) announces every change of a name to `touch` before it happens, and calls
 * `advance` when there may be something to send.
 *
 * Promises
 * - What the proxy acknowledged, plus what is owed, is what its stack says; a resource is sent only when its version is
 *   another than the one the proxy holds, or the proxy asked.
 * - One response in flight per type. What changes meanwhile is merged: a proxy that does not answer costs at most its
 *   names, and gets the newest.
 * - Make before break, one pinned generation at a time (generation.ts); endpoints overtake.
 * - A changed cluster is followed by its endpoints even if they did not change: Envoy makes such a cluster anew and
 *   waits for them, but does not ask again. A changed listener is not followed by its routes: Envoy shares one route
 *   subscription between the old and the new listener (route_config_provider_manager.cc), so it waits for nothing.
 * - A refused response is sent again in parts, at last singly; what is refused alone is withheld until it changes.
 */
import type { ResourceType } from "../envoy/resource.ts";
import { abandon, acknowledge, deliver, isQuiet, owesChangedEndpointsAlone, refuse } from "./delivery.ts";
import type { DeltaResponse } from "./frame.ts";
import type { Generation } from "./generation.ts";
import { type InterestPort, takeInterest, type Violation } from "./interest.ts";
import type { DeltaRequest } from "./request.ts";
import type { Stack } from "./stack.ts";
import { birthStep, type Step, withoutTime } from "./step.ts";
import { newStreamState, type StreamState } from "./stream_state.ts";
import type { Subscribed } from "./subscribed.ts";
import { older, type Refusal } from "./type_state.ts";
import { resourceTypes, typeOfUrl } from "./type_url.ts";

/** What a request was, besides a change of interest. */
export type Received =
  | { readonly kind: "interest" }
  | {
      readonly kind: "acknowledged";
      readonly type: ResourceType;
      /** The oldest that what was taken comes from. */
      readonly step: Step;
    }
  | {
      readonly kind: "refused";
      readonly type: ResourceType;
      readonly names: readonly string[];
      readonly because: string;
      /** Set when it was refused alone, and is withheld from now on. */
      readonly withheld: Refusal | undefined;
      /** Whether it had taken something of the type before. */
      readonly accepting: boolean;
    }
  | { readonly kind: "violation"; readonly violation: Violation };

export interface TypeStatus {
  /** Last sent, "" before; see Step.version. */
  readonly version: string;
  readonly acked: string;
  readonly nacked?: { readonly version: string; readonly resources: readonly Refusal[] };
}

const nothing: readonly DeltaResponse[] = [];
const interest: Received = { kind: "interest" };

export class Session {
  readonly #stream: StreamState;
  readonly #port: InterestPort;
  readonly #currentStep: () => Step;
  /** Answers to subscriptions of types that nobody serves: there is no such thing, do not wait for it. */
  #absent: DeltaResponse[] = [];

  constructor(options: { readonly stack: Stack; readonly port: InterestPort; readonly currentStep: () => Step }) {
    this.#stream = newStreamState(options.stack, birthStep(options.currentStep()));
    this.#port = options.port;
    this.#currentStep = options.currentStep;
  }

  get stack(): Stack {
    return this.#stream.stack;
  }

  /** The generation under way; its caller ends it with `expire` after limits.xdsGenerationMs. */
  get generation(): Generation | undefined {
    return this.#stream.generation;
  }

  receive(request: DeltaRequest): Received {
    const type = typeOfUrl(request.typeUrl);
    if (!type) return this.#receiveUnknown(request);
    const received = request.nonce === "" ? interest : this.#receiveAnswer(type, request);
    const says = request.subscribe.length > 0 || request.unsubscribe.length > 0 || !this.#stream.types[type].asked;
    if (!says) return received;
    const step = withoutTime(this.#currentStep());
    const violation = takeInterest(this.#stream, type, request, { port: this.#port, step });
    return violation ? { kind: "violation", violation } : received;
  }

  #receiveAnswer(type: ResourceType, { nonce, error }: DeltaRequest): Received {
    const state = this.#stream.types[type];
    // An answer to a response of another stream, or to one that was answered already, says nothing.
    if (state.inFlight?.nonce !== nonce) return interest;
    if (error === undefined) {
      const { step } = state.inFlight;
      acknowledge(this.#stream, state);
      return { kind: "acknowledged", type, step };
    }
    const names = state.inFlight.items.map((item) => item.resource.name);
    // Envoy ends its words with a newline.
    const because = error.trim();
    const withheld = refuse(this.#stream, state, because);
    return { kind: "refused", type, names, because, withheld, accepting: state.ackedVersion !== "" };
  }

  #receiveUnknown({ typeUrl, subscribe, nonce }: DeltaRequest): Received {
    if (typeUrl === "") {
      return { kind: "violation", violation: { code: "invalid-argument", because: "a request without type_url" } };
    }
    if (nonce === "" && subscribe.length > 0) {
      const { version } = this.#currentStep();
      this.#absent.push({ typeUrl, nonce: `none-${++this.#stream.nonces}`, version, items: [], removed: subscribe });
    }
    return interest;
  }

  /** `name` is about to change in a layer of the stack, in the newest step. */
  touch(type: ResourceType, name: string): void {
    const state = this.#stream.types[type];
    if (state.dirty.has(name) || !state.wants(name)) return;
    const held = this.#stream.stack.resolve(type, name)?.resource.version;
    state.dirty.set(name, { held, answer: false, step: this.#currentStep() });
  }

  /** The proxy's layers are others now. The caller moves the wildcard subscriptions in the index. */
  restack(stack: Stack): void {
    const step = withoutTime(this.#currentStep());
    for (const type of resourceTypes) {
      const state = this.#stream.types[type];
      const names = state.wildcard
        ? new Set([...this.#stream.stack.names(type), ...stack.names(type)])
        : new Set<string>();
      for (const name of state.named) names.add(name);
      for (const name of names) {
        const held = this.#stream.stack.resolve(type, name)?.resource.version;
        if (held === stack.resolve(type, name)?.resource.version) continue;
        state.owe(name, { held, answer: false, step });
      }
    }
    this.#stream.stack = stack;
  }

  /** Changed endpoints of clusters that the proxy holds are owed, and nothing else. */
  get owesChangedEndpointsAlone(): boolean {
    return this.#absent.length === 0 && owesChangedEndpointsAlone(this.#stream);
  }

  advance(): readonly DeltaResponse[] {
    // Most acknowledgements leave nothing to be done.
    if (this.#absent.length === 0 && isQuiet(this.#stream)) return nothing;
    const responses = deliver(this.#stream, this.#currentStep());
    if (this.#absent.length === 0) return responses;
    const absent = this.#absent;
    this.#absent = [];
    return [...absent, ...responses];
  }

  expire(generation: Generation): void {
    abandon(this.#stream, generation);
  }

  /** The oldest step that the proxy does not hold whole; undefined: it holds the newest and warms nothing. */
  owed(): Step | undefined {
    const { types, stack, birth, generation } = this.#stream;
    // Envoy asks for listeners only once its first clusters are warm.
    const unasked = (["cluster", "listener"] as const).some((type) => !types[type].asked && !stack.isEmpty(type));
    let step = unasked ? birth : generation?.oldest();
    for (const type of resourceTypes) {
      const oldest = types[type].oldest();
      if (oldest) step = older(step, oldest);
    }
    return step;
  }

  /** It has answered all that it was sent, and asked for all that this names; nothing is owed. */
  get settled(): boolean {
    const { types, generation } = this.#stream;
    return (
      generation === undefined &&
      resourceTypes.every((type) => types[type].idle && types[type].quiet && types[type].awaited.size === 0)
    );
  }

  /** What is withheld from the proxy because it refused it, and is not about to be replaced. */
  refusals(): Refusal[] {
    const { types, generation } = this.#stream;
    return resourceTypes.flatMap((type) =>
      [...types[type].withheld.values()].filter(
        ({ name }) =>
          !types[type].dirty.has(name) && !generation?.sets[type].has(name) && !generation?.removals[type].has(name),
      ),
    );
  }

  status(type: ResourceType): TypeStatus {
    const { sentVersion, ackedVersion, nackedVersion, withheld, again } = this.#stream.types[type];
    const status: TypeStatus = { version: sentVersion, acked: ackedVersion };
    if (nackedVersion === undefined || (withheld.size === 0 && again.length === 0)) return status;
    return { ...status, nacked: { version: nackedVersion, resources: [...withheld.values()] } };
  }

  /** The subscriptions that the index knows of; the caller ends them with the stream. */
  *subscriptions(): Generator<{
    readonly type: ResourceType;
    readonly wildcard: boolean;
    readonly named: Subscribed;
  }> {
    for (const type of resourceTypes) {
      const { wildcard, named } = this.#stream.types[type];
      yield { type, wildcard, named };
    }
  }
}
