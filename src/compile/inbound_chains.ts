/**
 * How a connection that comes in is taken, by the port's mutual TLS mode and layer. Pure.
 *
 *              HTTP                 TCP                          nobody said ("either")
 * strict       TLS→HTTP             TLS→TCP                      TLS with an HTTP ALPN→HTTP, other TLS→TCP
 * permissive   TLS→HTTP             TLS with ALPN weft→TCP       TLS with an HTTP ALPN→HTTP, other TLS→TCP,
 *              plaintext→HTTP       anything else→TCP            plaintext HTTP→HTTP, other plaintext→TCP
 * disable      plaintext→HTTP       anything→TCP                 plaintext HTTP→HTTP, other→TCP
 *
 * TLS here is always the mesh's mTLS, whose client shows a certificate. An application that speaks TLS itself declares
 * its port tcp, tls or https: there, TLS that does not offer ALPN "weft" is the application's own. Where callers were told
 * another layer than the port is taken for, what they offer says nothing, and all TLS is the mesh's.
 */
import type { MutualTlsMode } from "../model/policy.ts";
import type { FilterChain, HttpHandler, ListenerItem, TcpHandler } from "./ir.ts";

/** What a port carries. "either": nobody said, so it is found out. */
export type Layer = "http" | "tcp" | "either";

/** What a mesh client offers when it carries bytes that are not HTTP. */
export const meshAlpn = "weft";
const httpAlpn = ["h2", "http/1.1"];
/** What Envoy's HTTP inspector calls what it finds. */
const plaintextHttp = ["http/1.0", "http/1.1", "h2c"];

export interface ChainInput {
  readonly mode: MutualTlsMode;
  readonly layer: Layer;
  /** What callers were told that it carries. */
  readonly told: Layer;
  readonly http: HttpHandler;
  readonly tcp: TcpHandler;
}

export function inboundDetection(mode: MutualTlsMode, layer: Layer): ListenerItem["detect"] {
  const both = mode === "permissive" || (layer === "either" && mode === "strict");
  return { tls: both, http: layer === "either" && mode !== "strict" };
}

export function chainsOf(input: ChainInput): readonly FilterChain[] {
  const { mode } = input;
  const secured = mode === "disable" ? [] : meshChains(input);
  return mode === "strict" ? secured : [...secured, ...plaintextChains(input)];
}

function meshChains({ mode, layer, told, http, tcp }: ChainInput): readonly FilterChain[] {
  if (layer === "http") {
    const match = mode === "strict" ? {} : { transport: "tls" as const };
    return [{ name: "mtls-http", match, tls: { alpn: httpAlpn }, handler: http }];
  }
  const overTcp = { name: "mtls-tcp", tls: { alpn: [meshAlpn] }, handler: tcp };
  if (layer === "tcp") {
    const offers = told === "tcp" ? { protocols: [meshAlpn] } : {};
    const match = mode === "strict" ? {} : { transport: "tls" as const, ...offers };
    return [{ ...overTcp, match }];
  }
  return [
    { name: "mtls-http", match: { transport: "tls", protocols: httpAlpn }, tls: { alpn: httpAlpn }, handler: http },
    { ...overTcp, match: { transport: "tls" } },
  ];
}

function plaintextChains({ mode, layer, http, tcp }: ChainInput): readonly FilterChain[] {
  if (layer === "tcp") return [{ name: "plaintext-tcp", match: {}, handler: tcp }];
  const match = mode === "permissive" ? { transport: "plaintext" as const } : {};
  if (layer === "http") return [{ name: "plaintext-http", match, handler: http }];
  return [
    { name: "plaintext-http", match: { transport: "plaintext", protocols: plaintextHttp }, handler: http },
    { name: "plaintext-tcp", match, handler: tcp },
  ];
}
