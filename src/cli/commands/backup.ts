/**
 * meshctl backup FILE --key-file K | --passphrase-file P: what is declared, the authority's sealed keys and the hosts, in
 * one encrypted file. It appears under its name only when it is complete, readable by this user alone.
 */
import { createWriteStream } from "node:fs";
import { open, rename, rm, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { backupMediaType } from "../../model/backup.ts";
import { transfer } from "../api_transfer.ts";
import { addSecretFlags, deriveKey, newDerivation, readSecret } from "../backup_key.ts";
import type { CliContext, CommandModule, Invocation } from "../command.ts";
import { CommandFailure, type ExitStatus, exit } from "../exit.ts";
import { findMesh } from "../mesh.ts";

export const command: CommandModule = {
  define: (command) => void addSecretFlags(command.argument("<file>", "where it is written; must not exist")),

  async run(context: CliContext, { args, options }: Invocation): Promise<ExitStatus> {
    const [file = ""] = args;
    const secret = await readSecret(options);
    if (await exists(file)) throw new CommandFailure(exit.failed, `${file} exists; a backup is never overwritten`);
    const derivation = newDerivation(secret, context.random);
    const key = Buffer.from(deriveKey(secret, derivation).reveal()).toString("base64");
    const response = await transfer(context, await findMesh(context), {
      path: "/v1/backup",
      headers: { "content-type": "application/json", accept: backupMediaType },
      body: { text: JSON.stringify({ key, derivation }) },
    });
    const partial = `${file}.partial`;
    try {
      await pipeline(response, createWriteStream(partial, { mode: 0o600, flags: "w" }));
      await flushed(partial);
      await rename(partial, file);
    } catch (cause) {
      await rm(partial, { force: true });
      throw new CommandFailure(exit.failed, `write ${file}: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
    const { size: bytes } = await stat(file);
    if (context.globals.output === "json") context.out(`${JSON.stringify({ file, bytes })}\n`);
    context.say(
      `${file}: ${bytes} bytes; without ${secret.from === "key-file" ? "the key file" : "the passphrase"} nobody can read it`,
    );
    context.say("the authority's root is in it, sealed: keep the file that meshd's --authority-key names as well");
    return exit.good;
  },
};

async function flushed(path: string): Promise<void> {
  const handle = await open(path, "r+");
  await handle.sync().finally(() => handle.close());
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
