/**
 * First contact. A join token carries the SHA-256 of the mesh's root; the node presents its whole chain, root included.
 * Nothing is said on this connection: the root whose hash matches is taken from it, and becomes the only root that the
 * joining call itself trusts, so that the TLS library checks signatures, validity and identity as on every other call.
 */
import { connect, type DetailedPeerCertificate } from "node:tls";
import { fingerprint } from "../certificates/bundle.ts";
import type { Clock } from "../platform/clock.ts";
import { WeftError } from "../platform/error.ts";
import { limits } from "../platform/limits.ts";

/** @returns the root's DER. */
export async function pinnedRoot(clock: Clock, addresses: readonly string[], pin: string): Promise<Uint8Array> {
  let last: WeftError | undefined;
  for (const address of addresses) {
    const attempted = `find the mesh's root at ${address}`;
    try {
      const chain = await presentedChain(clock, address);
      const root = chain.find((certificate) => fingerprint(certificate) === pin);
      if (root !== undefined) return root;
      const because = "no certificate that it presents has the join token's fingerprint";
      last = new WeftError({
        code: "denied",
        retry: "later",
        attempted,
        because,
        next: "check that the token is this mesh's",
      });
    } catch (cause) {
      last = WeftError.from(cause, attempted, { code: "unavailable", retry: "later" });
    }
  }
  const attempted = "find the mesh's root";
  throw last ?? new WeftError({ code: "invalid", retry: "never", attempted, because: "the token names no address" });
}

function presentedChain(clock: Clock, address: string): Promise<readonly Uint8Array[]> {
  const { hostname, port } = new URL(`https://${address}`);
  return new Promise((resolve, reject) => {
    const host = hostname.replace(/^\[|\]$/g, "");
    const socket = connect({ host, port: Number(port || 443), rejectUnauthorized: false, minVersion: "TLSv1.3" });
    const timer = clock.after(limits.agentRequestMs, () => socket.destroy(new Error("no answer in time")));
    socket.once("error", reject);
    socket.once("close", () => timer.cancel());
    socket.once("secureConnect", () => {
      resolve(chainFrom(socket.getPeerCertificate(true)));
      socket.destroy();
    });
  });
}

function chainFrom(leaf: DetailedPeerCertificate): readonly Uint8Array[] {
  const chain: Uint8Array[] = [];
  for (
    let next: DetailedPeerCertificate | undefined = leaf;
    next?.raw && chain.length < 10;
    next = next.issuerCertificate
  ) {
    chain.push(next.raw);
    // A root names itself as its issuer.
    if (next.issuerCertificate === next) break;
  }
  return chain;
}
