/** What readers said of the same images, from a CSV: a column `reader`, a column that says of what, and classes. */

import { IchorError } from '@ichor/shared/errors';
import { FINDING_CLASSES, type FindingClass } from '@ichor/shared/study';
import type { SurveyedStudy } from '../predictions/surveyStudies.ts';
import { finderOf } from './matchLabels.ts';
import { badRow, type Csv, plainName, readCsv } from './readCsv.ts';
import { keyColumn, zeroOrOne } from './readLabels.ts';

export type Reading = {
  readonly reader: string;
  readonly study: number;
  /** Null when the whole study was read. */
  readonly sopInstanceUid: string | null;
  /** 0, 1, or null for a class that this reader did not judge, in FINDING_CLASSES order. */
  readonly calls: readonly (number | null)[];
};
export type Readings = { readonly readings: readonly Reading[]; readonly withoutImage: number };

/** @throws IchorError INPUT_UNUSABLE naming file, line and reason */
export async function readReaders(file: string, studies: readonly SurveyedStudy[]): Promise<Readings> {
  const csv = await readCsv(file);
  const names = csv.columns.map(plainName);
  const classes = FINDING_CLASSES.filter((name) => names.includes(name));
  if (!names.includes('reader') || classes.length === 0)
    throw new IchorError('INPUT_UNUSABLE', {
      path: csv.path,
      reason: `it has the columns ${csv.columns.join(', ')}; needed are "reader" and at least one of ${FINDING_CLASSES.join(', ')}`,
    });
  return readingsOf(csv, names, studies);
}

function readingsOf({ path, rows }: Csv, names: readonly string[], studies: readonly SurveyedStudy[]): Readings {
  const [keyOf, find] = [keyColumn(names, path), finderOf(studies)];
  const readings = new Map<string, Reading>();
  let withoutImage = 0;
  for (const row of rows) {
    const place = find(keyOf(row));
    if (place === null) {
      withoutImage += 1;
      continue;
    }
    const reader = row.cells.get('reader')!;
    if (reader === '') throw badRow(path, row.line, 'its reader is empty');
    const calls = FINDING_CLASSES.map((name) => callOf(row.cells.get(name), name, path, row.line));
    const key = `${reader} ${place.study} ${place.sopInstanceUid}`;
    if (readings.has(key)) throw badRow(path, row.line, `${reader} has read this before`);
    readings.set(key, { reader, ...place, calls });
  }
  if (readings.size === 0)
    throw new IchorError('INPUT_UNUSABLE', {
      path,
      reason: 'none of its rows belongs to an image in the folders given',
    });
  return { readings: [...readings.values()], withoutImage };
}

const callOf = (text: string | undefined, name: FindingClass, path: string, line: number): number | null =>
  text === undefined || text === '' ? null : zeroOrOne(text, name, path, line);
