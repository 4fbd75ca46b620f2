/** Mesh-wide settings that compile reads. */
import { defaultTrustDomain, type TrustDomain } from "../model/identity.ts";

/** What becomes of a request for a host that the mesh does not know. */
export type OutboundTrafficPolicy = "ALLOW_ANY" | "REGISTRY_ONLY";

export interface MeshSettings {
  readonly trustDomain: TrustDomain;
  readonly outboundTrafficPolicy: OutboundTrafficPolicy;
}

export const defaultSettings: MeshSettings = {
  trustDomain: defaultTrustDomain,
  outboundTrafficPolicy: "ALLOW_ANY",
};
