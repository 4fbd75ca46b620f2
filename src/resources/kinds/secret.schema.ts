/** Secret, as Kubernetes has it: its fields stand beside metadata. And what of one is stored in the open. */
import { boolean, choice, type Infer, integer, list, map, object, required, string } from "../schema/type.ts";

/** Key → what it is for. Istio's older names mean the same. */
export const certificateKeys = ["tls.crt", "cert"] as const;
export const privateKeyKeys = ["tls.key", "key"] as const;
export const authorityKeys = ["ca.crt", "cacert"] as const;
/** That Istio reads and the mesh does not: to leave one out would accept what its author refuses. */
export const laterKeys = ["ca.crl", "crl", "tls.ocsp-staple"] as const;

const keys =
  "Keys: tls.crt (a certificate with its intermediates), tls.key (its key), ca.crt (who may sign others'); or cert, key, cacert.";

/** A user's. For `explain` and editors; secret.rules.ts reads documents, without a word of what is in them. */
export const secretSchema = object({
  description:
    "A certificate and its key, or authorities, for gateways that name it in `credentialName`. Stored sealed.",
  fields: {
    type: choice({
      description: "What it holds. Secrets of other types, or with none of the keys named below, are ignored.",
      default: "Opaque",
      values: {
        Opaque: "A certificate with its key, authorities, or both.",
        "kubernetes.io/tls": "A certificate with its key, and authorities if need be.",
      },
    }),
    data: map({
      description: `PEM in base64. ${keys}`,
      keys: "text",
      values: string({ description: "Base64.", format: "text" }),
    }),
    stringData: map({
      description: "PEM as it is; goes before the same key of `data`.",
      keys: "text",
      values: string({ description: "PEM.", format: "text" }),
    }),
    immutable: boolean({ description: "Read over.", default: "false" }),
  },
});

/** Nothing in it is secret. */
export const storedSecretSchema = object({
  description: "What of a Secret is no secret.",
  fields: {
    type: required(string({ description: "As it was applied.", format: "text" })),
    keys: required(list({ description: "That it has.", items: string({ description: "A key.", format: "text" }) })),
    version: required(string({ description: "Of its certificates.", format: "text" })),
    notAfterMs: required(
      integer({ description: "When they run out.", unit: "ms", min: 0, max: Number.MAX_SAFE_INTEGER }),
    ),
  },
});

export type SecretSpec = Infer<typeof storedSecretSchema>;
