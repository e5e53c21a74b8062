/** A folder of its own for each test, readable by the user that PostgreSQL runs as. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type WorkFolder = { readonly path: string; remove(): Promise<void> };

export async function openWorkFolder(name: string): Promise<WorkFolder> {
  const path = await mkdtemp(join(tmpdir(), `ichor-${name}-`));
  await chmod(path, 0o755);
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}
