/** What the demo came to: the worklist, the files, the page. */
import { dirname, relative } from 'node:path';
import type { StudyView } from '@ichor/shared/study';
import { paint, type Terminal } from '../terminal.ts';
import type { Received } from './outcome.ts';
import { worklistTable } from './worklistTable.ts';

/** @param studies in the order of the worklist */
export function showResult(
  terminal: Terminal,
  studies: readonly StudyView[],
  received: Received,
  url: string | null,
): void {
  terminal.print();
  terminal.print(paint(terminal, 'bold', 'Worklist'));
  for (const line of worklistTable(terminal, studies)) terminal.print(`  ${line}`);
  terminal.print();
  terminal.print(paint(terminal, 'bold', 'In the PACS'));
  for (const study of studies) for (const line of filesOf(study, received)) terminal.print(`  ${line}`);
  terminal.print();
  if (url !== null) terminal.print(`${paint(terminal, 'bold', 'Page')}  ${url}`);
  terminal.print(paint(terminal, 'dim', 'Synthetic images. Not a medical device; not for diagnostic use.'));
}

function filesOf(study: StudyView, received: Received): string[] {
  const paths = (kind: 'SR' | 'SC'): string[] =>
    study.deliveries
      .filter(({ object }) => object === kind)
      .flatMap(({ sopInstanceUid }) => received.get(sopInstanceUid) ?? []);
  const shown = (path: string): string => relative(process.cwd(), path);
  const maps = paths('SC');
  const lines = paths('SR').map((path) => `${study.accessionNumber}  report     ${shown(path)}`);
  if (maps.length > 0)
    lines.push(`${study.accessionNumber}  heat maps  ${shown(dirname(maps[0]!))}/SC-*.dcm (${maps.length})`);
  return lines;
}
