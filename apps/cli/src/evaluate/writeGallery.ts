/** `--gallery`: the heat maps of flagged studies as a page on which a reader judges them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { drawFlagged, evenlySpread, type FlaggedTools } from '@ichor/evaluation/gallery/drawFlagged';
import type { LabelledData } from '@ichor/evaluation/labels/matchLabels';
import { count } from '@ichor/evaluation/numbers';
import { judgePage } from '@ichor/evaluation/report/judgePage';
import { FINDING_CLASSES } from '@ichor/shared/study';
import type { Cli } from '../context.ts';
import { startProgress } from '../terminal.ts';
import type { Predicted } from './predictWith.ts';

const DECIDING = FINDING_CLASSES.indexOf('any');

/** @param most studies @param threshold of any hemorrhage. Writes `gallery.html` */
export async function writeGallery(
  { terminal }: Cli,
  out: string,
  data: LabelledData,
  { bundle, predictions }: Predicted,
  tools: FlaggedTools,
  { most, threshold }: { readonly most: number; readonly threshold: number },
): Promise<void> {
  const scores = predictions.map(({ scan }) => scan?.sequence[DECIDING] ?? null);
  const chosen = evenlySpread(scores, threshold, most);
  const flagged = evenlySpread(scores, threshold, scores.length).length;
  const progress = startProgress(terminal, 'Drawing heat maps', chosen.length);
  try {
    const pictures = await drawFlagged(chosen, data, tools, (uid) => progress.step(`study ${uid}`));
    const path = join(resolve(out), 'gallery.html');
    await mkdir(resolve(out), { recursive: true });
    await writeFile(path, await judgePage({ model: bundle.identity, pictures, flagged }));
    terminal.note(`Written: ${path}, ${count(pictures.length, 'heat map')} to judge`);
  } finally {
    progress.done();
  }
}
