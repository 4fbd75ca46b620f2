/**
 * The secrets that a mesh on this machine makes for itself at its first start and keeps, readable by this user only: the
 * passwords of its nats-server, and the key that wraps the certificate authority's keys in the store.
 */
import { object, parseJson, text } from "../../platform/decode.ts";
import { type Random, shortId } from "../../platform/random.ts";
import type { NatsCredentials } from "./programs.ts";
import type { ExternalNats } from "./settings.ts";
import type { DevState } from "./state.ts";

const credentialsFile = "nats-credentials.json";
const externalCredentialsFile = "nats-external-credentials.json";
const authorityKeyFile = "authority.key";
const markFile = "mesh.mark";
/** Characters of 5 bits: enough to tell a machine's meshes apart. */
const markCharacters = 10;
/** Characters of 5 bits: 160 bits. */
const passwordCharacters = 32;
/** AES-256; the file holds them in base64. */
const authorityKeyBytes = 32;

const account = object({ user: text(), pass: text() });
const credentials = object({ user: text(), pass: text(), system: account });
const routesFile = "nats-routes.json";

export interface KeptSecrets {
  /** Of our own nats-server. */
  readonly nats: Required<NatsCredentials>;
  /** Between our own nats-servers. */
  readonly natsRoutes: { readonly user: string; readonly pass: string };
  readonly natsCredentialsPath: string;
  readonly authorityKeyPath: string;
}

export function keepSecrets(state: DevState, random: Random): KeptSecrets {
  const password = (): string => shortId(random, passwordCharacters);
  const made = state.keep(credentialsFile, () =>
    JSON.stringify({ user: "weft", pass: password(), system: { user: "system", pass: password() } }),
  );
  state.keep(authorityKeyFile, () => `${Buffer.from(random.bytes(authorityKeyBytes)).toString("base64")}\n`);
  const routes = state.keep(routesFile, () => JSON.stringify({ user: "routes", pass: password() }));
  return {
    natsRoutes: parseJson(routes, account, routesFile),
    nats: parseJson(made, credentials, credentialsFile),
    natsCredentialsPath: state.path(credentialsFile),
    authorityKeyPath: state.path(authorityKeyFile),
  };
}

/** What tells this mesh from others on the machine. No secret, and kept like one: it must not change either. */
export function meshMark(state: DevState, random: Random): string {
  return state.keep(markFile, () => shortId(random, markCharacters));
}

/** @returns the path of the credentials file for a NATS that is not ours. */
export function writeExternalCredentials(state: DevState, { user, pass }: ExternalNats): string {
  state.write(externalCredentialsFile, JSON.stringify({ user, pass } satisfies NatsCredentials));
  return state.path(externalCredentialsFile);
}
