/** Mesh-wide settings that compile reads. */
import { defaultTrustDomain, type TrustDomain } from "../model/identity.ts";
import type { OutboundTrafficPolicy } from "../model/traffic.ts";

export interface MeshSettings {
  readonly trustDomain: TrustDomain;
  readonly outboundTrafficPolicy: OutboundTrafficPolicy;
}

export const defaultSettings: MeshSettings = {
  trustDomain: defaultTrustDomain,
  outboundTrafficPolicy: "ALLOW_ANY",
};
