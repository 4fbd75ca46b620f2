/**
 * Which proxy an xDS stream is. Over mTLS `node.id` names a workload record, and the certificate must carry the identity
 * of that record: metadata decides nothing. On the plaintext port (loopback) a proxy is whoever it says.
 */
import type { LayerKey } from "../compile/layer.ts";
import { serviceAccountId, type TrustDomain } from "../model/identity.ts";
import { defaultNamespace, type Namespace, namespaceFrom, type WorkloadName, workloadName } from "../model/names.ts";
import type { Workload } from "../model/workload.ts";
import type { Identified, Identities, NodeClaim, Peer } from "../xds/call.ts";

/** Told of whom `identify` may say something else now. */
export type LayerListener = (isConcerned: (proxy: WorkloadName) => boolean) => void;

export interface ProxyDirectory {
  /** The record as this node's compiled configuration has it. */
  workload(name: WorkloadName): Workload | undefined;
  layersOf(workload: Workload): readonly LayerKey[];
  /** What any caller of that namespace sees, without anything of its own. */
  layersOfNamespace(namespace: Namespace): readonly LayerKey[];
  onLayersChanged(listener: LayerListener): void;
}

export class ProxyIdentities implements Identities {
  readonly #trustDomain: TrustDomain;
  readonly #directory: ProxyDirectory;

  constructor(trustDomain: TrustDomain, directory: ProxyDirectory) {
    this.#trustDomain = trustDomain;
    this.#directory = directory;
  }

  identify(peer: Peer, node: NodeClaim): Identified {
    return peer === "plaintext" ? this.#plaintext(node) : this.#attested(peer.spiffeId, node.id);
  }

  onLayersChanged(listener: LayerListener): void {
    this.#directory.onLayersChanged(listener);
  }

  #attested(spiffeId: string, nodeId: string): Identified {
    const workload = this.#directory.workload(nodeId as WorkloadName);
    if (!workload) {
      // It may have been registered at another node a moment ago.
      return { kind: "refused", code: "unavailable", because: `no workload ${printable(nodeId)} is registered` };
    }
    if (serviceAccountId(this.#trustDomain, workload) !== spiffeId) {
      return { kind: "refused", code: "permission-denied", because: `${printable(nodeId)} is not ${spiffeId}` };
    }
    return { kind: "proxy", proxy: nodeId as WorkloadName, layers: this.#directory.layersOf(workload) };
  }

  #plaintext(node: NodeClaim): Identified {
    const said = node.metadata.NAMESPACE;
    const namespace = typeof said === "string" ? namespaceFrom(said) : defaultNamespace;
    if (!namespace) {
      return { kind: "refused", code: "permission-denied", because: "metadata NAMESPACE is not a namespace" };
    }
    if (node.id === "" || node.id.length > 253) {
      return { kind: "refused", code: "permission-denied", because: "node.id is 1 to 253 characters" };
    }
    const layers = this.#directory.layersOfNamespace(namespace);
    return { kind: "proxy", proxy: workloadName(node.id, namespace), layers };
  }
}

function printable(text: string): string {
  return JSON.stringify(text.slice(0, 64));
}
