/** `ichor send AET@host:port PATH…`. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { findDicomFiles } from '@ichor/analysis/volume/findDicomFiles';
import { type InstanceFile, readInstanceFile } from '@ichor/dimse/requestor/instanceFile';
import { storeInstances } from '@ichor/dimse/requestor/storeInstances';
import { asIchorError, IchorError, reasonOf } from '@ichor/shared/errors';
import { readingFile } from '@ichor/shared/fileFault';
import { type Cli, configOf } from '../context.ts';
import { EXIT, type ExitCode } from '../exitCodes.ts';
import { startProgress } from '../terminal.ts';
import { peerOf } from './echo.ts';

/** Sends files, and the DICOM files of folders, bit for bit. @returns failed when one was not taken */
export async function send(
  cli: Cli,
  peer: string,
  paths: readonly string[],
  calling: string | null,
): Promise<ExitCode> {
  const destination = peerOf(peer);
  const config = configOf(cli);
  const files = await instanceFiles(cli, paths);
  const progress = startProgress(cli.terminal, `Sending to ${destination.aeTitle}`, files.length);
  const caller = { callingAeTitle: calling ?? config.aeTitle, tls: config.tls };
  const sending = storeInstances(destination, caller, files, () => progress.step(''));
  const outcomes = await sending.finally(() => progress.done());
  return conclude(cli, destination.aeTitle, outcomes);
}

function conclude({ terminal }: Cli, aeTitle: string, outcomes: Awaited<ReturnType<typeof storeInstances>>): ExitCode {
  const refused = outcomes.filter(({ error }) => error !== null);
  for (const { file, error } of refused) terminal.note(`${file.path}: ${error?.message}`);
  terminal.print(`${aeTitle} has taken ${outcomes.length - refused.length} of ${outcomes.length} instances.`);
  return refused.length === 0 ? EXIT.done : EXIT.failed;
}

/** Files that are named must be DICOM; in folders everything else is passed over. @throws IchorError INPUT_UNUSABLE, NOT_DICOM */
async function instanceFiles(cli: Cli, paths: readonly string[]): Promise<InstanceFile[]> {
  const files: InstanceFile[] = [];
  for (const path of paths.map((given) => resolve(given)))
    if (await isFolder(path)) files.push(...(await filesIn(cli, path)));
    else files.push(await readingFile(path, () => readInstanceFile(path)));
  if (files.length === 0)
    throw new IchorError('INPUT_UNUSABLE', { path: paths.join(', '), reason: 'it holds no DICOM file' });
  return files;
}

async function filesIn({ terminal }: Cli, folder: string): Promise<InstanceFile[]> {
  const files: InstanceFile[] = [];
  for (const path of await readingFile(folder, () => findDicomFiles(folder)))
    try {
      files.push(await readingFile(path, () => readInstanceFile(path)));
    } catch (thrown) {
      const error = asIchorError(thrown);
      if (error.code !== 'NOT_DICOM') throw error;
      terminal.note(`passed over: ${error.message}`);
    }
  return files;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw new IchorError('INPUT_UNUSABLE', { path, reason: reasonOf(error) });
  }
}
