/** A decode process: one slice at a time. It alone gives foreign bytes to a decoder; whatever happens here happens to nobody else. */

import { readPart10Head } from '@ichor/dicom/readPart10';
import { asIchorError } from '@ichor/shared/errors';
import type { FileReader } from '@ichor/shared/files';
import { NotAnalysable } from '@ichor/shared/notAnalysable';
import { type LoadedSlice, loadSlice } from '../volume/loadSlice.ts';
import { type ShapedFrame, timeoutFor } from './limits.ts';
import type { FromDecoder, StoredFrame, ToDecoder } from './protocol.ts';
import { readerAt } from './readerAt.ts';
import { startWatchdog } from './watchdog.ts';

process.title = 'ichor-decode';
process.on('disconnect', () => process.exit(0));
/** Ctrl-C in a terminal reaches every process of its group: the analysis under way finishes, and disconnects. */
process.on('SIGINT', () => {});

/** Nobody hears it any more where the channel is closed: then this process ends too. */
const say = (message: FromDecoder): void => void process.send!(message, () => {});
const allow = startWatchdog();

async function decode({ frame, files: address, timeoutMs }: ToDecoder): Promise<LoadedSlice> {
  allow(timeoutMs);
  const files = await readerAt(address);
  const shaped = 'rows' in frame ? frame : await shapeOf(frame, files);
  allow(timeoutFor(shaped, timeoutMs));
  return loadSlice(shaped, files);
}

async function shapeOf(frame: StoredFrame, files: FileReader): Promise<ShapedFrame> {
  const { dataset } = await readPart10Head(files, frame.reference);
  const [rows, columns] = [dataset.number('Rows') ?? 0, dataset.number('Columns') ?? 0];
  return { ...frame, rows, columns, frames: dataset.number('NumberOfFrames') ?? 1 };
}

process.on('message', (request: ToDecoder) => {
  void decode(request)
    .then(
      (slice) => say({ kind: 'decoded', slice }),
      (thrown: unknown) => {
        if (thrown instanceof NotAnalysable) return say({ kind: 'not-analysable', reason: thrown.reason });
        const { code, facts } = asIchorError(thrown);
        return say({ kind: 'failed', code, facts });
      },
    )
    .finally(() => allow(null));
});
say({ kind: 'ready' });
