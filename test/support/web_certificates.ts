/** Certificates as the world outside the mesh has them: an authority of one's own, what it signs, and files of both. */
import { createPrivateKey } from "node:crypto";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportPrivateKey, type KeyPair, makeKeyPair } from "../../src/certificates/key_pair.ts";
import { chainToPem } from "../../src/certificates/pem.ts";
import { signedWithSha256, webKey, x509 } from "../../src/certificates/x509.ts";

export interface WebCertificate {
  /** PEM */
  readonly cert: string;
  readonly key: string;
}

const hourMs = 60 * 60 * 1_000;

export class WebAuthority {
  /** PEM */
  readonly ca: string;
  readonly #keys: KeyPair;
  readonly #name: string;

  private constructor(name: string, keys: KeyPair, ca: string) {
    this.#name = name;
    this.#keys = keys;
    this.ca = ca;
  }

  static async create(name: string): Promise<WebAuthority> {
    const library = await x509();
    const keys = makeKeyPair();
    const extensions = [new library.BasicConstraintsExtension(true, 0, true)];
    const der = await signed({ subject: name, issuer: name, subjectKeys: keys, issuerKeys: keys, extensions });
    return new WebAuthority(name, keys, chainToPem([der]));
  }

  /** @param host its only DNS name */
  async issue(host: string): Promise<WebCertificate> {
    const library = await x509();
    const keys = makeKeyPair();
    const extensions = [new library.SubjectAlternativeNameExtension([{ type: "dns", value: host }])];
    const names = { subject: host, issuer: this.#name };
    const der = await signed({ ...names, subjectKeys: keys, issuerKeys: this.#keys, extensions });
    const key = Buffer.from(exportPrivateKey(keys.privateKey)).toString("base64");
    return { cert: chainToPem([der]), key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n` };
  }
}

interface Fields {
  readonly subject: string;
  readonly issuer: string;
  readonly subjectKeys: KeyPair;
  readonly issuerKeys: KeyPair;
  readonly extensions: NonNullable<
    Parameters<Awaited<ReturnType<typeof x509>>["X509CertificateGenerator"]["create"]>[0]["extensions"]
  >;
}

async function signed({ subject, issuer, subjectKeys, issuerKeys, extensions }: Fields): Promise<Uint8Array> {
  const { X509CertificateGenerator } = await x509();
  const now = Date.now();
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${subject}`,
    issuer: `CN=${issuer}`,
    notBefore: new Date(now - hourMs),
    notAfter: new Date(now + hourMs),
    publicKey: Buffer.from(subjectKeys.publicKey),
    signingKey: webKey(issuerKeys.privateKey),
    signingAlgorithm: signedWithSha256,
    extensions,
  });
  return new Uint8Array(certificate.rawData);
}

/** A P-256 key's secret number, in each form in which it could stand somewhere. What is before it all keys have in common. */
export function formsOfKey(pem: string): readonly Buffer[] {
  const der = createPrivateKey(pem).export({ type: "pkcs8", format: "der" });
  const texts = [der.toString("base64").slice(48, 80), Buffer.from(pem, "utf8").toString("base64").slice(104, 136)];
  return [der.subarray(36, 60), ...texts.map((text) => Buffer.from(text, "utf8"))];
}

/** A directory of PEM files. */
export class CertificateFiles {
  readonly directory = mkdtempSync(join(tmpdir(), "weft-certificates-"));

  /** NAME.crt and NAME.key, each moved into its place whole. */
  write(name: string, { cert, key }: WebCertificate): void {
    this.writeText(`${name}.crt`, cert);
    this.writeText(`${name}.key`, key);
  }

  writeText(file: string, text: string): void {
    writeFileSync(join(this.directory, `${file}.new`), text);
    renameSync(join(this.directory, `${file}.new`), join(this.directory, file));
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }
}
