/** Whether what was acknowledged lies in the spool, bit for bit. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { elementsOf, encodingOf, textIn } from '../mutate/elements.ts';
import type { SentStore } from './sentStores.ts';

/** Looks where the dataset says it belongs, then everywhere. */
export async function isStored(
  spool: string,
  { sopInstanceUid, dataset }: SentStore,
  transferSyntaxUid: string,
): Promise<boolean> {
  const folder = folderOf(dataset, transferSyntaxUid);
  if (folder !== null && (await holds(join(spool, folder), sopInstanceUid, dataset))) return true;
  for (const study of await readdir(spool).catch(() => []))
    for (const series of await readdir(join(spool, study)).catch(() => []))
      if (await holds(join(spool, study, series), sopInstanceUid, dataset)) return true;
  return false;
}

const MOST_INFLATED = 200_000_000;
function folderOf(dataset: Buffer, transferSyntaxUid: string): string | null {
  try {
    const deflated = transferSyntaxUid === '1.2.840.10008.1.2.1.99';
    const plain = deflated ? inflateRawSync(dataset, { maxOutputLength: MOST_INFLATED }) : dataset;
    const places = elementsOf(plain, encodingOf(transferSyntaxUid));
    const [study, series] = [textIn(plain, places, 0x0020000d), textIn(plain, places, 0x0020000e)];
    return study === null || series === null || /[^\d.]/.test(study + series) ? null : join(study, series);
  } catch {
    return null;
  }
}

async function holds(folder: string, sopInstanceUid: string, dataset: Buffer): Promise<boolean> {
  const names = (await readdir(folder).catch(() => [])).filter(
    (name) => name.startsWith(sopInstanceUid) && name.endsWith('.dcm'),
  );
  for (const name of names) {
    const file = await readFile(join(folder, name));
    if (file.length > dataset.length && file.subarray(file.length - dataset.length).equals(dataset)) return true;
  }
  return false;
}
