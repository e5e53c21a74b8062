/** The truth, from a CSV in one of three layouts: RSNA, one row per slice, one row per study. */
import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { IchorError } from '@ichor/shared/errors';
import { FINDING_CLASSES, type FindingClass } from '@ichor/shared/study';
import { badRow, type Csv, type CsvRow, plainName, readCsv } from './readCsv.ts';

export const LAYOUTS = {
  rsna: 'RSNA 2019 challenge (ID, Label)',
  slice: 'one row per slice',
  study: 'one row per study',
} as const;
export type Layout = keyof typeof LAYOUTS;

/** Who is labelled: a SOP Instance UID, a file of the CSV at `csvPath`, or a Study Instance UID. */
export type LabelKey =
  | { readonly kind: 'instance'; readonly sopInstanceUid: string }
  | { readonly kind: 'file'; readonly file: string; readonly csvPath: string }
  | { readonly kind: 'study'; readonly studyInstanceUid: string };
export type Label = {
  readonly key: LabelKey;
  /** Six times 0 or 1, in FINDING_CLASSES order. */
  readonly truth: readonly number[];
  /** From a column `patient`; null without one. */
  readonly patient: string | null;
};
export type Labels = {
  readonly layout: Layout;
  readonly labels: readonly Label[];
  readonly paths: readonly string[];
  /** Rows whose `any` contradicts their subtypes: kept as they are, and reported. */
  readonly inconsistent: number;
};

/**
 * @param places CSV files, or folders in which every `labels.csv` is one, as `ichor phantom` leaves them
 * @throws IchorError INPUT_UNUSABLE naming file, line and reason
 */
export async function readLabels(places: readonly string[]): Promise<Labels> {
  const parts: { layout: Layout; labels: Label[]; path: string }[] = [];
  for (const place of places)
    for (const file of await csvFiles(resolve(place))) parts.push(labelsOf(await readCsv(file)));
  const layout = parts[0]!.layout;
  const other = parts.find((part) => part.layout !== layout);
  if (other !== undefined)
    throw new IchorError('INPUT_UNUSABLE', {
      path: other.path,
      reason: `its layout is "${LAYOUTS[other.layout]}" where ${parts[0]!.path} has "${LAYOUTS[layout]}"`,
    });
  const labels = withoutDoubles(
    parts.flatMap((part) => part.labels),
    parts.map(({ path }) => path).join(', '),
  );
  return { layout, labels, paths: parts.map(({ path }) => path), inconsistent: labels.filter(contradicts).length };
}

async function csvFiles(place: string): Promise<string[]> {
  const found = await stat(place).catch(() => null);
  if (found === null || !found.isDirectory()) return [place];
  const files = (await readdir(place, { recursive: true })).filter((file) => basename(file) === 'labels.csv').sort();
  if (files.length > 0) return files.map((file) => join(place, file));
  throw new IchorError('INPUT_UNUSABLE', { path: place, reason: 'there is no labels.csv in it' });
}

const ANY = FINDING_CLASSES.indexOf('any');
const contradicts = ({ truth }: Label): boolean =>
  truth[ANY] !== Math.max(...truth.filter((_, index) => index !== ANY));

function labelsOf(csv: Csv): { layout: Layout; labels: Label[]; path: string } {
  const names = csv.columns.map(plainName);
  const labels = names.includes('id') && names.includes('label') ? rsnaLabels(csv) : classLabels(csv, names);
  if (labels.length === 0) throw new IchorError('INPUT_UNUSABLE', { path: csv.path, reason: 'it holds no label' });
  const layout = names.includes('label') ? 'rsna' : labels[0]!.key.kind === 'study' ? 'study' : 'slice';
  return { layout, labels, path: csv.path };
}

/** Rows `ID_<instance>_<class>`, six for an instance, in any order. */
function rsnaLabels({ path, rows }: Csv): Label[] {
  const truths = new Map<string, (number | null)[]>();
  for (const { line, cells } of rows) {
    const [, sopInstanceUid, name] = /^(.+)_([a-z]+)$/.exec(cells.get('id')!) ?? [];
    const index = FINDING_CLASSES.indexOf(name as FindingClass);
    if (sopInstanceUid === undefined || index === -1)
      throw badRow(path, line, `the ID "${cells.get('id')}" is not of the form ID_<instance>_<class>`);
    const truth = truths.get(sopInstanceUid) ?? new Array<number | null>(FINDING_CLASSES.length).fill(null);
    const value = zeroOrOne(cells.get('label')!, 'Label', path, line);
    if (truth[index] !== null && truth[index] !== value) throw badRow(path, line, `it contradicts an earlier row`);
    truth[index] = value;
    truths.set(sopInstanceUid, truth);
  }
  return [...truths].map(([sopInstanceUid, truth]) => {
    const missing = FINDING_CLASSES.find((_, index) => truth[index] === null);
    if (missing !== undefined)
      throw new IchorError('INPUT_UNUSABLE', { path, reason: `${sopInstanceUid} has no row for ${missing}` });
    return { key: { kind: 'instance', sopInstanceUid }, truth: truth as number[], patient: null };
  });
}

function classLabels({ path, columns, rows }: Csv, names: readonly string[]): Label[] {
  const missing = FINDING_CLASSES.filter((name) => !names.includes(name));
  if (missing.length > 0)
    throw new IchorError('INPUT_UNUSABLE', {
      path,
      reason: `it has the columns ${columns.join(', ')}, but none for ${missing.join(', ')}; see docs/evaluate.md for the layouts`,
    });
  const keyOf = keyColumn(names, path);
  return [...rows].map((row) => ({
    key: keyOf(row),
    truth: FINDING_CLASSES.map((name) => zeroOrOne(row.cells.get(name)!, name, path, row.line)),
    patient: row.cells.get('patient') ?? row.cells.get('patientid') ?? null,
  }));
}

/**
 * How a row of such a file says who it is about: by instance before file before study.
 * @param names the file's columns in plain form
 * @throws IchorError INPUT_UNUSABLE when no column says so
 */
export function keyColumn(names: readonly string[], path: string): (row: CsvRow) => LabelKey {
  const filled = ({ line, cells }: CsvRow, name: string): string => {
    const value = cells.get(name)!;
    if (value === '') throw badRow(path, line, `its ${name} is empty`);
    return value;
  };
  if (names.includes('sopinstanceuid'))
    return (row) => ({ kind: 'instance', sopInstanceUid: filled(row, 'sopinstanceuid') });
  const file = ['file', 'filename', 'image'].find((name) => names.includes(name));
  if (file !== undefined) return (row) => ({ kind: 'file', file: filled(row, file), csvPath: path });
  if (names.includes('studyinstanceuid'))
    return (row) => ({ kind: 'study', studyInstanceUid: filled(row, 'studyinstanceuid') });
  throw new IchorError('INPUT_UNUSABLE', {
    path,
    reason: 'it has no column SOPInstanceUID, file or StudyInstanceUID that says whom a row is about',
  });
}

/** @throws IchorError INPUT_UNUSABLE naming the line */
export function zeroOrOne(text: string, column: string, path: string, line: number): number {
  const value = text === '' ? Number.NaN : Number(text);
  if (value !== 0 && value !== 1) throw badRow(path, line, `${column} is "${text}" where 0 or 1 is needed`);
  return value;
}

/** @throws IchorError INPUT_UNUSABLE for two rows that disagree about one instance or study */
function withoutDoubles(labels: readonly Label[], path: string): Label[] {
  const known = new Map<string, Label>();
  for (const label of labels) {
    const name = nameOf(label.key);
    const former = known.get(name);
    if (former !== undefined && former.truth.join() !== label.truth.join())
      throw new IchorError('INPUT_UNUSABLE', { path, reason: `two rows for ${name} disagree` });
    known.set(name, label);
  }
  return [...known.values()];
}

function nameOf(key: LabelKey): string {
  if (key.kind === 'file') return `${key.file} of ${key.csvPath}`;
  return key.kind === 'study' ? key.studyInstanceUid : key.sopInstanceUid;
}
