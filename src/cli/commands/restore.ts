/**
 * meshctl restore FILE --key-file K | --passphrase-file P [--force] [--new-authority] [--dry-run]: puts a backup in the
 * place of what is declared, in one step. The node checks the whole file before it writes anything.
 */
import { open } from "node:fs/promises";
import {
  type BackupHeader,
  backupFirstLine,
  backupHeaderBytes,
  backupKeyHeader,
  backupMediaType,
  decodeBackupHeader,
  decodeBackupManifest,
} from "../../model/backup.ts";
import { integer, list, object, text } from "../../platform/decode.ts";
import { transfer, wholeText } from "../api_transfer.ts";
import { addSecretFlags, deriveKey, readSecret } from "../backup_key.ts";
import type { CliContext, CommandModule, Invocation } from "../command.ts";
import { CommandFailure, type ExitStatus, exit } from "../exit.ts";
import { findMesh } from "../mesh.ts";

const reply = object({ manifest: decodeBackupManifest, revision: text(), records: integer(0), warnings: list(text()) });

export const command: CommandModule = {
  define(command) {
    addSecretFlags(command.argument("<file>", "what `meshctl backup` wrote"));
    command.option("--force", "also when the mesh is not empty: all that is declared in it is replaced");
    command.option("--new-authority", "leave the backup's certificate authority out; every host has to join anew");
    command.option("--dry-run", "check the file and whether this mesh would take it; write nothing");
  },

  async run(context: CliContext, { args, options }: Invocation): Promise<ExitStatus> {
    const [file = ""] = args;
    const secret = await readSecret(options);
    const key = deriveKey(secret, (await headerOf(file)).derivation);
    const dryRun = options.flag("dryRun");
    const flag = (name: "force" | "newAuthority" | "dryRun"): string | undefined =>
      options.flag(name) ? "true" : undefined;
    const response = await transfer(context, await findMesh(context), {
      path: "/v1/restore",
      query: { force: flag("force"), newAuthority: flag("newAuthority"), dryRun: flag("dryRun") },
      headers: {
        "content-type": backupMediaType,
        [backupKeyHeader]: Buffer.from(key.reveal()).toString("base64"),
      },
      body: { file },
    });
    const { manifest, revision, records, warnings } = reply(JSON.parse(await wholeText(response)), "reply");
    for (const warning of warnings) context.say(`warning: ${warning}`);
    if (context.globals.output === "json")
      context.out(`${JSON.stringify({ manifest, revision, records, warnings })}\n`);
    const kinds = Object.entries(manifest.kinds).map(([kind, count]) => `${count} ${kind}`);
    const taken = new Date(manifest.takenAtMs).toISOString();
    context.say(
      `${file}: cluster ${manifest.cluster}, taken ${taken} at revision ${manifest.revision}: ${kinds.join(", ")}`,
    );
    if (dryRun) context.say("nothing was written");
    else context.say(`restored as revision ${revision}; revisions of before mean nothing any more`);
    return exit.good;
  },
};

async function headerOf(file: string): Promise<BackupHeader> {
  const [first, second = ""] = (await beginningOf(file)).split("\n");
  if (first !== backupFirstLine)
    throw new CommandFailure(exit.badInput, `${file}: it is no backup of Weft, or of a newer version`);
  try {
    return decodeBackupHeader(JSON.parse(second), "header");
  } catch {
    throw new CommandFailure(exit.badInput, `${file}: its header cannot be read`);
  }
}

async function beginningOf(file: string): Promise<string> {
  const handle = await open(file).catch((cause: Error) => {
    throw new CommandFailure(exit.badInput, `read ${file}: ${cause.message}`);
  });
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(backupHeaderBytes), 0, backupHeaderBytes, 0);
    return buffer.subarray(0, bytesRead).toString("latin1");
  } finally {
    await handle.close();
  }
}
