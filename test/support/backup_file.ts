/** Makes a large backup of a small one: its only object as often as asked for, under other names and for other hosts. */
import { readFile, writeFile } from "node:fs/promises";
import { deriveKey } from "../../src/cli/backup_key.ts";
import { type BackupHeader, decodeBackupHeader } from "../../src/model/backup.ts";
import { Secret } from "../../src/platform/log.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { type KeptRecord, readContents, writeContents } from "../../src/store/backup/contents.ts";
import { openFile, sealFile } from "../../src/store/backup/seal.ts";
import { countKinds } from "../../src/store/backup/snapshot.ts";
import type { RecordKey } from "../../src/store/store.ts";

export interface Inflated {
  /** The small backup, of a mesh with one VirtualService, whose name is its host. */
  readonly from: string;
  readonly to: string;
  readonly keyFile: string;
  /** VirtualServices in the large one. */
  readonly objects: number;
}

export async function inflateBackup({ from, to, keyFile, objects }: Inflated): Promise<void> {
  const file = await readFile(from);
  const secret = new Secret(new Uint8Array(Buffer.from((await readFile(keyFile, "utf8")).trim(), "base64")));
  const { derivation } = headerOf(file);
  const key = deriveKey({ from: "key-file", secret }, derivation);
  const { manifest, records } = await readContents(openFile(once(file), key));
  const model = records.find(({ key: each }) => each.startsWith("object."));
  if (!model) throw new Error(`${from} holds no object`);
  // The object's name ends its key, and stands in its value as the host, too.
  const name = /[^.]+$/.exec(model.key)?.[0] ?? "";
  const copies = Array.from({ length: objects }, (_, index): KeptRecord => {
    const copy = `${name}-${index}`;
    const value: unknown = JSON.parse(JSON.stringify(model.value).replaceAll(`"${name}"`, `"${copy}"`));
    return { ...model, key: model.key.replace(/[^.]+$/, copy) as RecordKey, value };
  });
  const all = [...records.filter((record) => record !== model), ...copies];
  const contents = { manifest: { ...manifest, records: all.length, kinds: countKinds(all) }, records: all };
  await writeFile(to, Buffer.concat([...sealFile(writeContents(contents), { derivation, key, random: systemRandom })]));
}

function headerOf(file: Buffer): BackupHeader {
  const [, second = ""] = file.subarray(0, 4_096).toString("latin1").split("\n");
  return decodeBackupHeader(JSON.parse(second), "header");
}

async function* once(file: Uint8Array): AsyncGenerator<Uint8Array> {
  yield file;
}
