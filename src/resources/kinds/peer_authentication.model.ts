/** PeerAuthentication → model. */
import type { MutualTlsMode, PeerAuthentication } from "../../model/policy.ts";
import type { PeerAuthenticationSpec } from "./peer_authentication.schema.ts";
import { type Owner, selectorOf } from "./shared.model.ts";

type ModeSpec = NonNullable<NonNullable<PeerAuthenticationSpec["mtls"]>["mode"]>;

const modes: Readonly<Record<ModeSpec, MutualTlsMode | undefined>> = {
  UNSET: undefined,
  DISABLE: "disable",
  PERMISSIVE: "permissive",
  STRICT: "strict",
};

export function toPeerAuthentication(spec: PeerAuthenticationSpec, owner: Owner): PeerAuthentication {
  const mode = modes[spec.mtls?.mode ?? "UNSET"];
  const ports = Object.entries(spec.portLevelMtls ?? {}).flatMap(([port, mtls]) => {
    const portMode = modes[mtls.mode ?? "UNSET"];
    return portMode === undefined ? [] : [[Number(port), portMode] as const];
  });
  return {
    ...owner,
    ...selectorOf(spec.selector),
    ...(mode === undefined ? {} : { mode }),
    portModes: Object.fromEntries(ports),
  };
}
