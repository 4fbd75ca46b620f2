/**
 * The key of one backup's file, made of the user's secret and a salt that stands in the file: from a key file by
 * HKDF-SHA-256, from a passphrase by scrypt. The secret itself never leaves this process.
 */
import { hkdfSync, scryptSync } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { backupKeyBytes, type KeyDerivation } from "../model/backup.ts";
import { Secret } from "../platform/log.ts";
import type { Random } from "../platform/random.ts";
import { CommandFailure, exit } from "./exit.ts";
import type { OptionReader } from "./options.ts";

/** 128 MiB and about half a second a try (RFC 7914 with N = 2^17, r = 8, p = 1). */
const scryptCost = 2 ** 17;
const scryptMemoryBytes = 512 * 1024 * 1024;
const passphraseCharacters = 12;

export type BackupSecret =
  | { readonly from: "key-file"; readonly secret: Secret<Uint8Array> }
  | { readonly from: "passphrase"; readonly secret: Secret<Uint8Array> };

export function addSecretFlags(command: Command): Command {
  command.option("--key-file <file>", "32 bytes in base64, as `openssl rand -base64 32` makes them");
  return command.option("--passphrase-file <file>", `its first line, at least ${passphraseCharacters} characters`);
}

export async function readSecret(options: OptionReader): Promise<BackupSecret> {
  const [keyFile, passphraseFile] = [options.text("keyFile"), options.text("passphraseFile")];
  if ((keyFile === undefined) === (passphraseFile === undefined)) {
    throw new CommandFailure(
      exit.usage,
      "give one of --key-file and --passphrase-file; without it a backup cannot be read",
    );
  }
  if (keyFile !== undefined) {
    const key = Buffer.from((await textOf(keyFile)).trim(), "base64");
    if (key.length !== backupKeyBytes)
      throw new CommandFailure(exit.badInput, `${keyFile}: not ${backupKeyBytes} bytes in base64`);
    return { from: "key-file", secret: new Secret(new Uint8Array(key)) };
  }
  const [passphrase = ""] = (await textOf(passphraseFile ?? "")).split(/\r?\n/);
  if (passphrase.length < passphraseCharacters) {
    throw new CommandFailure(
      exit.badInput,
      `${passphraseFile}: a passphrase has at least ${passphraseCharacters} characters`,
    );
  }
  return { from: "passphrase", secret: new Secret(new TextEncoder().encode(passphrase.normalize("NFC"))) };
}

/** A new salt for a new file. */
export function newDerivation({ from }: BackupSecret, random: Random): KeyDerivation {
  const salt = Buffer.from(random.bytes(backupKeyBytes)).toString("base64");
  if (from === "key-file") return { from, salt };
  return { from, salt, cost: scryptCost, blockSize: 8, parallelization: 1 };
}

export function deriveKey({ from, secret }: BackupSecret, derivation: KeyDerivation): Secret<Uint8Array> {
  if (from !== derivation.from) {
    const flag = derivation.from === "key-file" ? "--key-file" : "--passphrase-file";
    throw new CommandFailure(exit.badInput, `this backup was sealed with a ${derivation.from}: give ${flag}`);
  }
  const salt = Buffer.from(derivation.salt, "base64");
  if (derivation.from === "key-file") {
    return new Secret(new Uint8Array(hkdfSync("sha256", secret.reveal(), salt, "weft-backup-1 key", backupKeyBytes)));
  }
  const { cost: N, blockSize: r, parallelization: p } = derivation;
  return new Secret(scryptSync(secret.reveal(), salt, backupKeyBytes, { N, r, p, maxmem: scryptMemoryBytes }));
}

function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch((cause: Error) => {
    throw new CommandFailure(exit.badInput, `read ${path}: ${cause.message}`);
  });
}
