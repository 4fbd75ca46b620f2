/** The host's own key: made once, kept for its owner alone, registered by the join token, used to attest ever after. */
import { signAsHost } from "../certificates/attestation/signatures.ts";
import { toBase64 } from "../certificates/base64.ts";
import { exportPrivateKey, importPrivateKey, type KeyPair, makeKeyPair } from "../certificates/key_pair.ts";
import { fromPem, toPem } from "../certificates/pem.ts";
import { WeftError } from "../platform/error.ts";
import type { StateDirectory } from "../platform/state_directory.ts";

const file = "host-key.pem";

export class HostKey {
  readonly #keys: KeyPair;

  private constructor(keys: KeyPair) {
    this.#keys = keys;
  }

  static from(state: StateDirectory): HostKey {
    const stored = state.read(file);
    if (stored !== undefined) return new HostKey(keysFrom(stored, state.path(file)));
    const keys = makeKeyPair();
    state.write(file, toPem("PRIVATE KEY", exportPrivateKey(keys.privateKey)), 0o600);
    return new HostKey(keys);
  }

  /** SPKI, base64 DER. */
  get publicKey(): string {
    return toBase64(this.#keys.publicKey);
  }

  /** Base64 DER. */
  sign(text: Uint8Array): string {
    return signAsHost(this.#keys.privateKey, text);
  }
}

function keysFrom(pem: string, path: string): KeyPair {
  const [pkcs8] = fromPem("PRIVATE KEY", pem);
  if (pkcs8) return importPrivateKey(pkcs8);
  const next = "remove it, and join by a new token";
  const because = "it holds no private key";
  throw new WeftError({ code: "invalid", retry: "never", attempted: `read ${path}`, because, next });
}
