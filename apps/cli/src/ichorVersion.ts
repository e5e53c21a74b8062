/** Ichor's version, as its package says. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export async function ichorVersion(): Promise<string> {
  const path = join(import.meta.dirname, '..', 'package.json');
  return (JSON.parse(await readFile(path, 'utf8')) as { version: string }).version;
}
