// What deploy/ says is true of the programs that it starts: every flag exists, every file is mounted or made, every
// configuration is the one that the code writes. No container engine and no systemd is needed for that.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { settingsFrom } from "../../src/agent/settings.ts";
import { parseOptions } from "../../src/meshd/options.ts";
import { serverConfiguration } from "../../src/store/jetstream/server_configuration.ts";
import { deployDirectory, one, parseEnvironment, parseUnit, tryRun, unitNames } from "../support/deployment.ts";

const deployed = (path: string): string => readFileSync(join(deployDirectory, path), "utf8");
const host = (n: number): string => `nats-${n}.weft.internal`;

test("deploy/nats/ is what the code writes (WEFT_UPDATE=1 writes it)", () => {
  for (const n of [0, 1, 2]) {
    const others = [0, 1, 2].filter((other) => other !== n);
    const written = serverConfiguration({
      name: `nats-${n}`,
      listen: "0.0.0.0:4222",
      monitor: "127.0.0.1:8222",
      storeDirectory: "/var/lib/weft-nats",
      maxFileStore: "16GB",
      cluster: "prod",
      include: ["passwords.conf"],
      passwords: {
        meshd: { variable: "MESHD_PASSWORD" },
        restore: { variable: "RESTORE_PASSWORD" },
        system: { variable: "SYSTEM_PASSWORD" },
      },
      tls: { ca: "/etc/weft/tls/ca.pem", cert: "/etc/weft/tls/nats.pem", key: "/etc/weft/tls/nats-key.pem" },
      routes: { listen: "0.0.0.0:6222", urls: others.map((other) => `tls://${host(other)}:6222`) },
    });
    const file = `nats/nats-${n}.conf`;
    if (process.env.WEFT_UPDATE === "1") writeFileSync(join(deployDirectory, file), written);
    assert.equal(deployed(file), written, file);
  }
});

/** A command line as systemd makes it, with the variables that the environment files and systemd itself set. */
function commandOf(unit: string, environment: Readonly<Record<string, string>>): string[] {
  const words = one(parseUnit(deployed(`systemd/${unit}`)), "Service", "ExecStart").split(/\s+/);
  return words.map((word) =>
    word.replace(/\$\{(\w+)\}/g, (_, name: string) => environment[name] ?? assert.fail(`${unit}: nobody sets ${name}`)),
  );
}

const bySystemd = { STATE_DIRECTORY: "/var/lib/weft", CREDENTIALS_DIRECTORY: "/run/c", RUNTIME_DIRECTORY: "/run/weft" };

test("meshd takes the command line of its unit, and no credential that nobody loads", () => {
  const environment = parseEnvironment(deployed("systemd/meshd.env"));
  const [program, ...args] = commandOf("meshd.service", { ...environment, ...bySystemd });
  assert.equal(program, "/opt/weft/bin/meshd");
  const options = parseOptions(args);
  assert.equal(options.nats.length, 3);
  assert.ok(options.nats.every((url) => url.startsWith("tls://")) && options.natsTls?.own);
  assert.equal(options.api.host, "127.0.0.1");
  assert.deepEqual(
    Object.keys(environment).filter((name) => !deployed("systemd/meshd.service").includes(`\${${name}}`)),
    [],
  );
  const unit = parseUnit(deployed("systemd/meshd.service"));
  const loaded = (unit.sections.Service?.LoadCredential ?? []).map((each) => each.split(":")[0]);
  const used = args.filter((arg) => arg.startsWith("/run/c/")).map((arg) => arg.slice("/run/c/".length));
  assert.deepEqual(used.sort(), loaded.sort());
});

test("mesh-agent takes the command line of its unit, and leaves its Envoys when it stops", () => {
  const environment = parseEnvironment(deployed("systemd/mesh-agent.env"));
  const [program, ...args] = commandOf("mesh-agent.service", { ...environment, ...bySystemd });
  assert.equal(program, "/opt/weft/bin/mesh-agent");
  const settings = settingsFrom(args, {});
  assert.equal(settings?.onStop, "leave");
  assert.equal(settings?.meshd.length, 3);
  assert.equal(one(parseUnit(deployed("systemd/mesh-agent.service")), "Service", "KillMode"), "process");
});

test("every unit comes back whatever happens, gains no privilege, and has room for its connections", () => {
  for (const name of unitNames()) {
    const unit = parseUnit(deployed(`systemd/${name}`));
    for (const [key, value] of Object.entries({ Restart: "always", NoNewPrivileges: "yes", ProtectSystem: "strict" })) {
      assert.equal(one(unit, "Service", key), value, `${name} ${key}`);
    }
    assert.equal(one(unit, "Unit", "StartLimitIntervalSec"), "0");
    assert.equal(one(unit, "Service", "CapabilityBoundingSet"), "");
    assert.ok(Number(one(unit, "Service", "LimitNOFILE")) >= 65_536);
  }
});

test("systemd itself finds nothing wrong with the units", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "weft-units-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  for (const name of unitNames()) {
    // It looks for the programs and the environment files; their places are not part of what is asked here.
    const text = deployed(`systemd/${name}`).replace(/=\/(?:opt\/weft|usr\/local)\/bin\/[\w-]+/, "=/bin/true");
    writeFileSync(join(directory, name), text.replaceAll(/^User=.*\n|^Group=.*\n/gm, ""));
  }
  const ran = tryRun("systemd-analyze", ["verify", ...unitNames().map((name) => join(directory, name))]);
  if (!ran) return t.skip("there is no systemd-analyze here");
  const about = ran.output
    .split("\n")
    .filter((line) => unitNames().some((name) => line.includes(`${directory}/${name}`)));
  assert.deepEqual(about, []);
});

interface Service {
  readonly image: string;
  readonly command: readonly string[];
  readonly volumes: readonly string[];
  readonly depends_on?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
}

test("compose: flags exist, every file that is named is mounted, every mounted one exists or is made by a script", () => {
  const compose: { readonly services: Readonly<Record<string, Service>> } = parse(deployed("compose/compose.yaml"), {
    merge: true,
  });
  const names = Object.keys(compose.services);
  assert.deepEqual(names, ["nats-0", "nats-1", "nats-2", "meshd-0", "meshd-1", "meshd-2"]);
  const pins = JSON.parse(readFileSync(join(deployDirectory, "../setup/pins.json"), "utf8"));
  const scripts = deployed("secrets.sh") + deployed("certificates.sh");
  const made = /^\.\/(secrets\/(?<secret>.+)|tls\/(ca|(?<host>.+?))(-key)?\.pem|data\/.+)$/;
  for (const [name, service] of Object.entries(compose.services)) {
    const mounts = service.volumes.map((volume) => volume.split(":"));
    const inside = mounts.map(([, target = ""]) => target);
    for (const [source = ""] of mounts) {
      const { secret } = made.exec(source)?.groups ?? {};
      if (source.startsWith("../")) assert.ok(statSync(join(deployDirectory, "compose", source)).isFile());
      else assert.match(source, made, name);
      if (secret) assert.ok(scripts.includes(secret), `${source} is made by no script`);
    }
    assert.ok(service.depends_on?.every((other) => names.includes(other)) ?? true);
    if (name.startsWith("meshd")) {
      const options = parseOptions(service.command);
      assert.equal(options.name, name);
      const { caFile, own } = options.natsTls ?? assert.fail("no TLS to NATS");
      const files = [options.natsCredentialsFile, options.authorityKeyFile, caFile, own?.certFile, own?.keyFile];
      for (const file of files) assert.ok(file && inside.includes(file), `${name}: ${file} is not mounted`);
    } else {
      assert.equal(service.image, `docker.io/library/nats:${pins["nats-server"].version}`);
      assert.deepEqual(service.command, ["-c", "/etc/weft/nats/nats-server.conf"]);
      const configuration = deployed(`nats/${name}.conf`);
      const named = [...configuration.matchAll(/_file: "([^"]+)"/g)].map(([, path]) => path);
      for (const path of [...named, "/etc/weft/nats/nats-server.conf", "/etc/weft/nats/passwords.conf"]) {
        assert.ok(path && inside.includes(path), `${name}: ${path} is not mounted`);
      }
      assert.ok(inside.includes(/store_dir: "([^"]+)"/.exec(configuration)?.[1] ?? "?"));
    }
  }
});

test("the image is built of the package, for a Node that the package takes", () => {
  const file = deployed("compose/Containerfile");
  const node = Number(/^FROM docker\.io\/library\/node:(\d+)/m.exec(file)?.[1]);
  const { engines, bin } = JSON.parse(readFileSync(join(deployDirectory, "../package.json"), "utf8"));
  assert.equal(node, Number(/\d+/.exec(engines.node)?.[0]));
  const entry = /^ENTRYPOINT \["(\S+)"\]/m.exec(file)?.[1] ?? "";
  assert.ok(Object.keys(bin).includes(entry));
});

test("the scripts make what the others read, and never overwrite a secret", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "weft-secrets-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const run = (script: string, ...args: string[]) => tryRun("sh", [join(deployDirectory, script), ...args]);
  if (!tryRun("openssl", ["version"])) return t.skip("there is no openssl here");
  assert.equal(run("secrets.sh", directory)?.code, 0);
  const files = ["api.token", "authority.key", "backup.key", "nats.json", "passwords.conf", "restore.json"];
  assert.deepEqual(readdirSync(directory).sort(), files);
  for (const file of files) assert.equal(statSync(join(directory, file)).mode & 0o077, 0, file);
  const again = run("secrets.sh", directory);
  assert.equal(again?.code, 1);
  assert.match(again?.output ?? "", /nothing was changed/);
  assert.equal(Buffer.from(readFileSync(join(directory, "authority.key"), "utf8").trim(), "base64").length, 32);
  const { user, system, restore } = JSON.parse(readFileSync(join(directory, "restore.json"), "utf8"));
  assert.deepEqual([user, system.user, restore.user], ["meshd", "system", "restore"]);

  const tls = join(directory, "tls");
  assert.equal(run("certificates.sh", tls, "nats-0.weft.internal", "10.0.0.10")?.code, 0);
  for (const [name, words] of [
    ["nats-0.weft.internal", "DNS:nats-0.weft.internal"],
    ["10.0.0.10", "IP Address:10.0.0.10"],
  ]) {
    const checked = tryRun("openssl", ["verify", "-CAfile", join(tls, "ca.pem"), join(tls, `${name}.pem`)]);
    assert.equal(checked?.code, 0, checked?.output);
    const shown = tryRun("openssl", ["x509", "-noout", "-text", "-in", join(tls, `${name}.pem`)]);
    assert.ok(shown?.output.includes(words ?? "?"), shown?.output);
  }
  const ca = readFileSync(join(tls, "ca.pem"), "utf8");
  assert.equal(run("certificates.sh", tls, "nats-1.weft.internal")?.code, 0);
  assert.equal(readFileSync(join(tls, "ca.pem"), "utf8"), ca, "one authority for all");
});
