/** The shipped bundle, changed in one way. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from './ichor.ts';

const SHIPPED = join(ROOT, 'models', 'default');

export type Json = Record<string, unknown>;

/** Links to the shipped files, but for what `change` rewrites. @returns the folder */
export async function changedBundle(dir: string, change: (dir: string) => Promise<unknown>): Promise<string> {
  await mkdir(dir);
  for (const name of await readdir(SHIPPED)) await symlink(join(SHIPPED, name), join(dir, name));
  await change(dir);
  return dir;
}

export async function rewrite(path: string, change: (bytes: Buffer) => Buffer): Promise<Buffer> {
  const bytes = change(await readFile(path));
  await rm(path);
  await writeFile(path, bytes);
  return bytes;
}

export const rewriteJson = (path: string, change: (values: Json) => void): Promise<Buffer> =>
  rewrite(path, (bytes) => {
    const values = JSON.parse(bytes.toString()) as Json;
    change(values);
    return Buffer.from(JSON.stringify(values));
  });

export const rewriteManifest = (dir: string, change: (manifest: Json) => void): Promise<Buffer> =>
  rewriteJson(join(dir, 'manifest.json'), change);

/** Changes a file and lets the manifest agree with it. @param entry key of the manifest's `files` */
export async function forge(
  dir: string,
  entry: string,
  name: string,
  change: (bytes: Buffer) => Buffer,
): Promise<void> {
  const bytes = await rewrite(join(dir, name), change);
  await rewriteManifest(dir, (manifest) => {
    Object.assign((manifest['files'] as Record<string, Json>)[entry]!, {
      sha256: createHash('sha256').update(bytes).digest('hex'),
      bytes: bytes.length,
    });
  });
}
