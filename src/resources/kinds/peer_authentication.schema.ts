/** PeerAuthentication: whether workloads demand mTLS of their callers. */
import { choice, type Infer, map, object } from "../schema/type.ts";
import { workloadSelector } from "./shared.ts";

const mutualTls = (description: string) =>
  object({
    description,
    fields: {
      mode: choice({
        description: "What is demanded.",
        default: "UNSET",
        values: {
          UNSET: "What the wider policy says: the namespace's, then the mesh's, then PERMISSIVE.",
          DISABLE: "Plaintext only.",
          PERMISSIVE: "mTLS and plaintext.",
          STRICT: "mTLS only.",
        },
      }),
    },
  });

export const peerAuthenticationSchema = object({
  description: "Whether workloads demand mTLS of their callers. Without a selector: for the whole namespace.",
  fields: {
    selector: workloadSelector,
    mtls: mutualTls("For all ports."),
    portLevelMtls: map({
      description: "For single ports of the application; only with a selector.",
      keys: "port",
      minItems: 1,
      values: mutualTls("For this port."),
    }),
  },
});

export type PeerAuthenticationSpec = Infer<typeof peerAuthenticationSchema>;
