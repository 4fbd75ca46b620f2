/**
 * Envoy (BoringSSL) takes our certificates: critical name constraints, critical SAN, empty subject, with both validators
 * that Weft may configure, as a server that presents our SVID and judges its callers'.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { exportPrivateKey, makeKeyPair } from "../../src/certificates/key_pair.ts";
import { chainToPem, toPem } from "../../src/certificates/pem.ts";
import type { SpiffeId } from "../../src/model/identity.ts";
import { spiffeId, svidFor, type TrustChain, trustChain } from "../certificates/fixtures.ts";

const trust = await trustChain(Date.now());
const roots = toPem("CERTIFICATE", trust.root);

function identity(name: SpiffeId, chain: TrustChain = trust): { readonly cert: string; readonly key: string } {
  const keys = makeKeyPair();
  const svid = svidFor(name, chain, Date.now(), keys);
  return { cert: chainToPem(svid.chain), key: toPem("PRIVATE KEY", exportPrivateKey(keys.privateKey)) };
}

const server = identity(spiffeId("server"));

const plainValidation = {
  trusted_ca: { inline_string: roots },
  match_typed_subject_alt_names: [{ san_type: "URI", matcher: { prefix: "spiffe://cluster.local/" } }],
};
const spiffeValidation = {
  custom_validator_config: {
    name: "envoy.tls.cert_validator.spiffe",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig",
      trust_domains: [{ name: "cluster.local", trust_bundle: { inline_string: roots } }],
    },
  },
};

function listener(name: string, validation_context: object): object {
  const manager = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: name,
    http_filters: [
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
      },
    ],
    route_config: {
      virtual_hosts: [
        { name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, direct_response: { status: 200 } }] },
      ],
    },
  };
  const tls = {
    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
    require_client_certificate: true,
    common_tls_context: {
      tls_certificates: [
        { certificate_chain: { inline_string: server.cert }, private_key: { inline_string: server.key } },
      ],
      validation_context,
    },
  };
  return {
    name,
    address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
    filter_chains: [
      {
        filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }],
        transport_socket: { name: "envoy.transport_sockets.tls", typed_config: tls },
      },
    ],
  };
}

const directory = mkdtempSync(join(tmpdir(), "weft-envoy-"));
const ports = new Map<string, number>();
let envoy: ChildProcess;

function adminJson(address: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    get(`http://${address}${path}`, (response) => {
      let body = "";
      response.on("data", (data: Buffer) => {
        body += data;
      });
      response.on("end", () => resolve(JSON.parse(body)));
    }).on("error", reject);
  });
}

interface Listeners {
  readonly listener_statuses?: readonly {
    readonly name: string;
    readonly local_address: { readonly socket_address: { readonly port_value: number } };
  }[];
}

before(async () => {
  const adminFile = join(directory, "admin");
  const config = {
    admin: { address: { socket_address: { address: "127.0.0.1", port_value: 0 } } },
    static_resources: { listeners: [listener("plain", plainValidation), listener("spiffe", spiffeValidation)] },
  };
  const file = join(directory, "envoy.json");
  writeFileSync(file, JSON.stringify(config));
  const tools = JSON.parse(readFileSync(new URL("../../node_modules/.weft/tools.json", import.meta.url), "utf8"));
  const args = ["-c", file, "--use-dynamic-base-id", "--concurrency", "1", "--admin-address-path", adminFile];
  envoy = spawn(tools.envoy.path, [...args, "-l", "warning"], { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  envoy.stderr?.on("data", (data: Buffer) => {
    log += data;
  });
  for (let attempt = 0; ports.size < 2; attempt++) {
    assert.ok(attempt < 300 && envoy.exitCode === null, `Envoy does not start:\n${log}`);
    await wait(50);
    try {
      const listeners = (await adminJson(readFileSync(adminFile, "utf8"), "/listeners?format=json")) as Listeners;
      for (const one of listeners.listener_statuses ?? [])
        ports.set(one.name, one.local_address.socket_address.port_value);
    } catch {
      // Its admin page is not there yet.
    }
  }
});

after(async () => {
  envoy.kill("SIGKILL");
  await once(envoy, "exit");
  rmSync(directory, { recursive: true });
});

/** The status of a request under that identity, or "refused". Our side, OpenSSL, judges Envoy's SVID too. */
function call(
  port: number,
  own: { readonly cert: string; readonly key: string } | undefined,
): Promise<number | "refused"> {
  const tls = { ca: roots, checkServerIdentity: () => undefined, agent: false };
  return new Promise((resolve) => {
    const sent = request({ host: "127.0.0.1", port, path: "/", ...tls, ...own }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on("error", () => resolve("refused"));
    sent.end();
  });
}

for (const validator of ["plain", "spiffe"]) {
  test(`${validator} validation: a workload of the domain is served, everybody else is refused`, async () => {
    const port = ports.get(validator) ?? assert.fail("no such listener");

    assert.equal(await call(port, identity(spiffeId("client"))), 200);
    assert.equal(await call(port, undefined), "refused");
    assert.equal(await call(port, identity(spiffeId("client"), await trustChain(Date.now()))), "refused");
    // Signed by our own intermediate, but outside of its name constraint.
    assert.equal(await call(port, identity("spiffe://elsewhere.org/ns/a/sa/b" as SpiffeId)), "refused");
  });
}
