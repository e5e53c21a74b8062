/** `ichor phantom --out DIR …`. */
import { resolve } from 'node:path';
import { type PhantomCommand, runPhantomCommand } from '@ichor/phantom/phantomCommand';
import { IchorError } from '@ichor/shared/errors';
import { makeFolder } from '@ichor/store/files/makeFolder';
import type { Cli } from '../context.ts';
import { EXIT, type ExitCode } from '../exitCodes.ts';
import { startProgress } from '../terminal.ts';

/** Writes synthetic head CT series and says what each shows. @throws IchorError INPUT_UNUSABLE for a wrong option */
export async function phantom({ terminal }: Cli, command: PhantomCommand): Promise<ExitCode> {
  const out = resolve(command.out);
  await makeFolder(out);
  const lines: string[] = [];
  const progress = startProgress(terminal, 'Phantoms', command.studies);
  try {
    await runPhantomCommand({ ...command, out }, ({ studyInstanceUid, accessionNumber, files, phantom: made }) => {
      const bleeds = made.bleeds.join(', ') || 'no bleed';
      lines.push(
        `seed ${made.seed}: ${bleeds}; ${files.length} slices; accession ${accessionNumber}; study ${studyInstanceUid}`,
      );
      progress.step(`seed ${made.seed}`);
    });
  } catch (error) {
    if (error instanceof RangeError)
      throw new IchorError('INPUT_UNUSABLE', { path: 'ichor phantom', reason: error.message }, error);
    throw error;
  } finally {
    progress.done();
  }
  for (const line of lines) terminal.print(line);
  terminal.note(`Synthetic images, not of a patient: ${out}`);
  return EXIT.done;
}
