/**
 * A workload's two secrets as Envoy's messages: `default`, its certificate with its key, and `ROOTCA`, which roots it
 * trusts for which trust domain. The names are constants, so that no configuration shared by proxies holds an identity.
 */
import { createHash } from "node:crypto";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import { SecretSchema } from "#envoy/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { SPIFFECertValidatorConfigSchema } from "#envoy/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js";
import type { BundleSet } from "../../certificates/attestation/protocol.ts";
import { rootsOf } from "../../certificates/bundle.ts";
import { chainToPem } from "../../certificates/pem.ts";
import type { Identity } from "../identities.ts";

export const certificateSecret = "default";
export const trustSecret = "ROOTCA";
export const secretTypeUrl = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

export interface OfferedSecret {
  readonly name: string;
  /** Hash of the bytes. */
  readonly version: string;
  readonly resource: Any;
  /** Of the certificate, for `default`. */
  readonly serial?: string;
}

export function certificateOf(identity: Identity): OfferedSecret {
  return { ...certificateIn(certificateSecret, identity.chainPem, identity.keyPem), serial: identity.serial };
}

export function trustOf(bundle: BundleSet): OfferedSecret {
  const trustDomains = Object.keys(bundle.roots)
    .sort()
    .map((name) => ({ name, pem: chainToPem(rootsOf(bundle, name)) }))
    .filter(({ pem }) => pem !== "")
    .map(({ name, pem }) => ({ name, trustBundle: inline(pem) }));
  const spiffe = create(SPIFFECertValidatorConfigSchema, { trustDomains });
  const typedConfig = anyPack(SPIFFECertValidatorConfigSchema, spiffe);
  const customValidatorConfig = { name: "envoy.tls.cert_validator.spiffe", typedConfig };
  return offered(trustSecret, { case: "validationContext", value: { customValidatorConfig } });
}

/** Of PEM texts that somebody else keeps. */
export function certificateIn(name: string, chainPem: string, keyPem: string): OfferedSecret {
  const value = { certificateChain: inline(chainPem), privateKey: inline(keyPem) };
  return offered(name, { case: "tlsCertificate", value });
}

export function trustIn(name: string, rootsPem: string): OfferedSecret {
  return offered(name, { case: "validationContext", value: { trustedCa: inline(rootsPem) } });
}

function inline(text: string) {
  return { specifier: { case: "inlineString" as const, value: text } };
}

type SecretInit = NonNullable<MessageInitShape<typeof SecretSchema>["type"]>;

function offered(name: string, type: SecretInit): OfferedSecret {
  const resource = anyPack(SecretSchema, create(SecretSchema, { name, type }));
  return { name, version: createHash("sha256").update(resource.value).digest("hex").slice(0, 32), resource };
}
