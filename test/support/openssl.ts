/** What the `openssl` on PATH says of a certificate, for a second opinion; undefined where there is none. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Verdict {
  readonly good: boolean;
  readonly text: string;
}

export interface PresentedChain {
  /** PEM: leaf, then intermediates. */
  readonly chain: string;
  readonly roots: string;
  readonly purpose: "sslserver" | "sslclient";
}

/** `openssl verify`, strictly, of a chain as a TLS peer presents it. */
export function opensslVerify({ chain, roots, purpose }: PresentedChain): Verdict | undefined {
  return inDirectory({ "chain.pem": chain, "roots.pem": roots }, (directory) => {
    const trusted = [
      "-x509_strict",
      "-CAfile",
      join(directory, "roots.pem"),
      "-untrusted",
      join(directory, "chain.pem"),
    ];
    return openssl(["verify", ...trusted, "-purpose", purpose, join(directory, "chain.pem")]);
  });
}

/** The leaf in words. */
export function opensslText(chain: string): Verdict | undefined {
  return inDirectory({ "chain.pem": chain }, (directory) =>
    openssl(["x509", "-in", join(directory, "chain.pem"), "-noout", "-text"]),
  );
}

function openssl(args: readonly string[]): Verdict | undefined {
  const { status, stdout, stderr, error } = spawnSync("openssl", args, { encoding: "utf8" });
  return error ? undefined : { good: status === 0, text: stdout + stderr };
}

function inDirectory<T>(files: Readonly<Record<string, string>>, use: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), "weft-openssl-"));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    return use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
