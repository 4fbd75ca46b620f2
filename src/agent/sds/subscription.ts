/**
 * One SDS stream, as plain state: what the Envoy asked for, what it was sent, what it acknowledged. Pure; the server
 * feeds it requests and changed secrets, and writes out what it answers. The two xDS variants differ only in how a
 * request is read, which is told apart here:
 *
 *   state of the world: a request lists all names; a repeated nonce acknowledges (or, with an error, refuses)
 *   delta:              a request adds and takes names; `initial` says what the Envoy holds from an earlier stream
 *
 * A secret that does not exist yet is not answered: the Envoy keeps waiting, or goes on with the one it has. What was
 * refused is sent again only when it has changed.
 */
import type { OfferedSecret } from "./secrets.ts";

export interface SecretRequest {
  /** All names (state of the world), or undefined: delta. */
  readonly names?: readonly string[];
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** Name → version that the Envoy already holds. */
  readonly initial: Readonly<Record<string, string>>;
  readonly nonce: string;
  /** Why the Envoy refused the response of that nonce. */
  readonly refusal?: string;
}

export interface SecretResponse {
  readonly nonce: string;
  readonly version: string;
  readonly secrets: readonly OfferedSecret[];
}

export type Offers = ReadonlyMap<string, OfferedSecret>;

export interface Acknowledged {
  readonly secrets: readonly OfferedSecret[];
  readonly refusal?: string;
}

export class Subscription {
  readonly #names = new Set<string>();
  /** Name → version last sent, or that the Envoy said it holds. */
  readonly #sent = new Map<string, string>();
  #inFlight: SecretResponse | undefined;
  #nonces = 0;

  /** That are asked for. */
  get names(): ReadonlySet<string> {
    return this.#names;
  }

  /** What the request acknowledges or refuses of what was sent, if anything. */
  settle(request: SecretRequest): Acknowledged | undefined {
    const settled = this.#inFlight;
    if (!settled || request.nonce !== settled.nonce) return undefined;
    this.#inFlight = undefined;
    return { secrets: settled.secrets, ...(request.refusal === undefined ? {} : { refusal: request.refusal }) };
  }

  /** Takes in what the request asks for. A state-of-the-world request with an old nonce was overtaken by a response. */
  ask(request: SecretRequest): void {
    if (request.names) {
      if (request.nonce !== "" && request.nonce !== String(this.#nonces)) return;
      this.#keepOnly(new Set(request.names));
      return;
    }
    for (const [name, version] of Object.entries(request.initial)) this.#sent.set(name, version);
    for (const name of request.subscribe) this.#names.add(name);
    for (const name of request.subscribe) if (!Object.hasOwn(request.initial, name)) this.#sent.delete(name);
    for (const name of request.unsubscribe) this.#forget(name);
  }

  /** What is to be sent now: every secret asked for whose version the Envoy was not sent. One response is under way at a time. */
  next(offers: Offers): SecretResponse | undefined {
    if (this.#inFlight) return undefined;
    const secrets = [...this.#names].flatMap((name) => {
      const offer = offers.get(name);
      return offer && this.#sent.get(name) !== offer.version ? [offer] : [];
    });
    if (secrets.length === 0) return undefined;
    for (const { name, version } of secrets) this.#sent.set(name, version);
    this.#inFlight = {
      nonce: String(++this.#nonces),
      version: secrets.map(({ version }) => version).join("."),
      secrets,
    };
    return this.#inFlight;
  }

  /** That are asked for, and not answered: not there, not sent, or under way. */
  open(offers: Offers): readonly string[] {
    const underWay = new Set(this.#inFlight?.secrets.map(({ name }) => name));
    return [...this.#names].filter((name) => {
      const offer = offers.get(name);
      return !offer || this.#sent.get(name) !== offer.version || underWay.has(name);
    });
  }

  #keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.#names) if (!names.has(name)) this.#forget(name);
    for (const name of names) this.#names.add(name);
  }

  #forget(name: string): void {
    this.#names.delete(name);
    this.#sent.delete(name);
  }
}
