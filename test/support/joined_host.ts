/**
 * A second host that joins a mesh as its agent would: by a join token, with keys of its own, over the node's agent port.
 * It registers workloads that serve nothing, and gets their identities by CSR, so that a test holds a real SVID and its key.
 */
import { Buffer } from "node:buffer";
import { MeshdClient } from "../../src/agent/meshd_client.ts";
import { pinnedRoot } from "../../src/agent/pinned_root.ts";
import { attestReply, svidReply, workloadSetReply } from "../../src/agent/wire.ts";
import type { AttestReply, BundleSet, JoinToken, WorkloadSet } from "../../src/certificates/attestation/protocol.ts";
import { joinSigned, signAsHost } from "../../src/certificates/attestation/signatures.ts";
import { fromBase64, toBase64 } from "../../src/certificates/base64.ts";
import { exportPrivateKey, type KeyPair, makeKeyPair } from "../../src/certificates/key_pair.ts";
import { chainToPem, toPem } from "../../src/certificates/pem.ts";
import { createSigningRequest } from "../../src/certificates/signing_request.ts";
import { meshdId, type TrustDomain } from "../../src/model/identity.ts";
import type { Locality, Namespace } from "../../src/model/names.ts";
import { systemClock } from "../../src/platform/clock.ts";
import type { Mesh } from "./mesh.ts";
import type { TlsIdentity } from "./raw_http.ts";

export interface JoinedHost {
  readonly bundle: BundleSet;
  /** The SVID of a workload whose service account is `account` in namespace default, and its key. */
  identity(account: string): Promise<TlsIdentity & { readonly spiffeId: string }>;
  close(): void;
}

const hostName = "second-host";

export async function joinHost(mesh: Mesh): Promise<JoinedHost> {
  const made = await mesh.meshctl(["token", "create", "-o", "json"]);
  if (made.code !== 0) throw new Error(made.stderr);
  const token: JoinToken = JSON.parse(Buffer.from(JSON.parse(made.stdout).token, "base64url").toString("utf8"));
  const root = await pinnedRoot(systemClock, token.addresses, token.rootFingerprint);
  const id = meshdId(token.trustDomain as TrustDomain);
  const client = new MeshdClient(systemClock, () => ({ addresses: token.addresses, roots: [root], meshdId: id }));
  const keys = makeKeyPair();
  const { svid, bundle } = await join(client, token, keys);
  client.present(presented(keys, svid.chain));
  return {
    bundle,
    async identity(account) {
      await client.call({ method: "PUT", path: "/v1/agent/workloads", body: setOf(account), reply: workloadSetReply });
      const own = makeKeyPair();
      const requests = [{ workload: `${account}.default`, csr: toBase64(await createSigningRequest(own)) }];
      const reply = await client.call({
        method: "POST",
        path: "/v1/agent/svids",
        body: { requests },
        reply: svidReply,
      });
      const [issued] = reply.issued;
      if (!issued) throw new Error(`no SVID for ${account}: ${JSON.stringify(reply.refused)}`);
      return { ...presented(own, issued.svid.chain), spiffeId: issued.svid.spiffeId };
    },
    close: () => client.close(),
  };
}

async function join(client: MeshdClient, token: JoinToken, keys: KeyPair): Promise<AttestReply> {
  const hostKey = makeKeyPair();
  const csr = toBase64(await createSigningRequest(keys));
  const signature = signAsHost(hostKey.privateKey, joinSigned({ tokenId: token.id, hostName, csr }));
  const body = {
    tokenId: token.id,
    tokenSecret: token.secret,
    hostName,
    hostKey: toBase64(hostKey.publicKey),
    csr,
    signature,
  };
  return client.call({ method: "POST", path: "/v1/attest/join", body, reply: attestReply });
}

export function presented(keys: KeyPair, chain: readonly string[]): TlsIdentity {
  const ders = chain.map((each) => fromBase64(each) ?? new Uint8Array());
  return { keyPem: toPem("PRIVATE KEY", exportPrivateKey(keys.privateKey)), chainPem: chainToPem(ders) };
}

function setOf(account: string): WorkloadSet {
  const namespace = "default" as Namespace;
  return {
    workloads: [
      {
        workload: {
          role: "sidecar",
          name: account,
          namespace,
          serviceAccount: account,
          labels: { app: account },
          locality: "" as Locality,
          network: "",
          host: hostName,
          service: { name: account, namespace },
          inbound: [],
          outbound: { address: "127.0.0.1", port: 1 },
          upstreams: [],
        },
        serving: false,
        health: "healthy",
      },
    ],
  };
}
